"""A results folder becomes an RO-Crate, which other readers of crates understand."""

import json
from pathlib import Path

import pytest
from rocrate.rocrate import ROCrate

from ibft.commands.verify import report
from ibft.runtime.errors import UserError
from ibft.sharing.crate import FILE, write_crate
from ibft.store.manifests import RESULTS_VARIABLE, write_output
from ibft.store.run_records import Job, RunRecord

SCRIPT = "'/home/somebody/check out/workflow/scripts/{}.py' --job '{{}}' --output results/x"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two jobs, the second of which reads what the first has made; a third has not run."""
    results = tmp_path / "results"
    monkeypatch.setenv(RESULTS_VARIABLE, str(results))
    write_output(
        results / "a.json", b"{}", command=SCRIPT.format("prepare_dataset"), source="hub:me/data", revision="c0"
    )
    write_output(results / "b.md", b"text", command=SCRIPT.format("write_tables"), seconds=5.0)
    monkeypatch.delenv(RESULTS_VARIABLE)
    (tmp_path / "Snakefile").touch()
    jobs = [
        Job(inputs=[], outputs=["results/a.json"], rule="prepare_dataset", stage="prepare"),
        Job(inputs=["results/a.json"], outputs=["results/b.md"], rule="write_tables", stage="tables"),
        Job(inputs=["results/b.md"], outputs=["results/report.html"], rule="write_report", stage="report"),
    ]
    RunRecord(
        folder=tmp_path,
        work=tmp_path,
        results=Path("results"),
        snakefile=tmp_path / "Snakefile",
        options=["--cores", "2", "--configfile", str(tmp_path / "mine.yaml")],
        targets=["all"],
        config="c",
        started=1_800_000_000,
        jobs=jobs,
    ).write()
    return results


def test_inputs_outputs_software_and_commands_are_read_back(results: Path) -> None:
    assert write_crate(results, None) == 2
    crate = ROCrate(results)
    made = {entity.id: entity for entity in crate.data_entities}
    assert set(made) == {"a.json", "b.md"}
    assert made["a.json"]["isBasedOn"].id == "https://huggingface.co/me/data"
    actions = {
        action["result"][0].id: action for action in crate.root_dataset["mentions"] if action.id.startswith("#job")
    }
    second = actions["b.md"]
    assert [entity.id for entity in second["object"]] == ["a.json"]
    assert second["description"].startswith("workflow/scripts/write_tables.py --job")
    assert second["instrument"]["name"] == "workflow/scripts/write_tables.py"
    packages = {package["name"] for package in second["instrument"]["softwareRequirements"]}
    assert {"python", "ibft", "pandas", "snakemake"} <= packages
    whole = next(action for action in crate.root_dataset["mentions"] if action.id.startswith("#run"))
    assert whole["description"] == "ibft run --cores 2 --configfile mine.yaml -- all"
    assert [entity.id for entity in whole["result"]] == ["b.md"]


def test_the_root_has_what_archives_ask_for_and_no_path_of_the_machine(results: Path) -> None:
    write_crate(results, "https://spdx.org/licenses/CC-BY-4.0")
    text = (results / FILE).read_text()
    root = next(entity for entity in json.loads(text)["@graph"] if entity["@id"] == "./")
    assert {"name", "description", "datePublished", "conformsTo"} <= set(root)
    assert root["license"] == "https://spdx.org/licenses/CC-BY-4.0"
    assert "home" not in text and str(results.parent) not in text


def test_a_crate_is_made_again_and_verify_takes_it_for_no_stranger(results: Path) -> None:
    write_crate(results, None)
    write_crate(results, None)
    outputs, findings = report(results)
    assert (outputs, findings) == (3, [])


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="knows of no run"):
        write_crate(tmp_path, None)

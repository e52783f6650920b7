"""Every configuration that nobody should write works or is refused by key, without a traceback."""

import copy
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ibft.config.loading import load, load_file
from ibft.config.targets import RULES, SAMPLE_PREFIX
from ibft.runtime.errors import UserError
from tests.config.hostile_configs import HOSTILE_CONFIGS, HOSTILE_YAML, IMPORTED, HostileConfig
from tests.conftest import REPOSITORY
from tests.warm_python import python

DEFAULT = yaml.safe_load((REPOSITORY / "tests" / "config" / "example.yaml").read_text())


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The shipped configuration with other values under some keys; `key+` adds to the mapping there."""
    values = copy.deepcopy(DEFAULT)
    for key, value in changes.items():
        *above, last = re.split(r"\.(?!\d)", key)
        place = values
        for name in above:
            place = place.setdefault(name, {})
        if last.endswith("+"):
            place[last[:-1]] |= value
        else:
            place[last] = value
    return values


def test_there_are_many() -> None:
    assert len(HOSTILE_CONFIGS) + len(HOSTILE_YAML) >= 60


@pytest.mark.parametrize("config", HOSTILE_CONFIGS.values(), ids=list(HOSTILE_CONFIGS))
def test_a_hostile_value_works_or_is_refused_by_key(config: HostileConfig) -> None:
    values = changed(config.values())
    if config.sentence is None:
        assert load(values).model_dump_json()
        return
    with pytest.raises(UserError, match=config.sentence) as refusal:
        load(values)
    assert all(line.startswith("config: ") for line in str(refusal.value).split("\n"))
    assert str(refusal.value).replace("\n", "").isprintable()


@pytest.mark.parametrize(("text", "sentence"), HOSTILE_YAML.values(), ids=list(HOSTILE_YAML))
def test_a_hostile_file_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=sentence) as refusal:
        load_file(path)
    assert "config.yaml" in str(refusal.value)


def test_what_yaml_offers_and_means_what_it_looks_like_works(tmp_path: Path) -> None:
    text = (REPOSITORY / "tests" / "config" / "example.yaml").read_text()
    for old, new in (
        ("  ft-mink:\n", "  ft-mink: &mink\n"),
        ("  ibft:\n    kind: ibft\n", "  merged: {<<: *mink, label: '010', alpha: 1.0e-3}\n  ibft:\n    kind: ibft\n"),
        ("seed: 0\n", "seed: 0x1f\n"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "config.yaml"
    path.write_text(text)
    config = load_file(path)
    merged = config.methods["merged"]
    assert merged.selection == config.methods["ft-mink"].selection
    assert (merged.label, merged.alpha, config.seed) == ("010", 0.001, 31)


@pytest.mark.parametrize(
    ("section", "make"),
    [
        *((section, os.mkfifo) for section in ("datasets.rtl", "benchmarks.humaneval", "imported_samples.theirs")),
        *((section, os.mkdir) for section in ("benchmarks.humaneval", "imported_samples.theirs")),
    ],
)
def test_a_source_that_is_no_file_is_refused_without_being_opened(tmp_path: Path, section: str, make: Any) -> None:
    make(tmp_path / "source")
    config = {"imported_samples": {"theirs": dict(IMPORTED)}, f"{section}.source": f"path:{tmp_path / 'source'}"}
    with pytest.raises(UserError, match=rf"^config: {section}\.source: .*(pipe|folder)"):
        load(changed(config))


def test_a_link_to_where_results_may_not_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, place in (("to-home", Path.home()), ("to-here", tmp_path), ("to-root", Path("/"))):
        Path(name).symlink_to(place)
        with pytest.raises(UserError, match=r"^config: results: "):
            load(changed({"results": name}))
    Path("elsewhere").mkdir()
    Path("link").symlink_to("elsewhere")
    assert load(changed({"results": "link"})).results == "link"
    Path("loop").symlink_to("loop")
    with pytest.raises(UserError, match=r"^config: results: "):
        load(changed({"results": "loop"}))


def test_the_rules_whose_names_a_target_may_not_take_are_those_of_the_workflow() -> None:
    texts = [path.read_text() for path in [REPOSITORY / "Snakefile", *(REPOSITORY / "rules").glob("*.smk")]]
    found = {name for text in texts for name in re.findall(r"^rule (\w+)", text, re.MULTILINE)}
    assert found == set(RULES)
    assert f'f"{SAMPLE_PREFIX}{{name}}"' in (REPOSITORY / "rules" / "sampling.smk").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seed: 1\nseed: 2\n", "seed: stands twice, again in line 2"),
        ("sampling: {n: 010}\n", "sampling.n: 010 is octal"),
        ("targets: {all: {table: true}}\n", "targets.all: the workflow has a rule of this name"),
        ("results: '{x}'\n", "results: '{x}' holds"),
        ("results: -x\n", "results: '-x' begins with '-'"),
        ("training: {seeds: [-1]}\n", "training.seeds.0: Input should be greater than or equal to 0"),
    ],
)
def test_the_workflow_refuses_before_any_work(tmp_path: Path, text: str, told: str) -> None:
    run = dry_run(tmp_path, text)
    assert run.returncode != 0
    assert told in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


@pytest.mark.slow
def test_the_workflow_takes_texts_literally(tmp_path: Path) -> None:
    label = "'{x} {{y}} $HOME $(touch escaped) \\ \" \x1b[2J \u202e'"
    text = f"methods: {{ft: {{label: {label.replace(chr(27), '')}}}}}\ncompute: {{wandb: '-{{x}} $HOME'}}\n"
    run = dry_run(tmp_path, text)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "'--wandb=-{x} $HOME'" in run.stdout + run.stderr
    assert "\u202e" not in run.stdout + run.stderr
    assert not (tmp_path / "escaped").exists()


def dry_run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "own.yaml").write_text(text)
    command = [python(), "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--dry-run", "--nolock"]
    command += ["--printshellcmds", "--cores", "1", "--configfile", "own.yaml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)

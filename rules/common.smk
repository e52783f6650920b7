# The typed configuration, the paths of a variant, and digests of code, for all rules.

import hashlib
import json
import os
import platform
import re
import shlex
import sys
import time
from pathlib import Path

from snakemake.cli import get_argument_parser
from snakemake.exceptions import WorkflowError

from ibft.store.code_digest import code_digest
from ibft.config.loading import load
from ibft.config.methods import Selection
from ibft.config.reading import read_yaml
from ibft.runtime.errors import UserError
from ibft.store.manifests import CONFIG_VARIABLE, RESULTS_VARIABLE, sha256
from ibft.figures.catalogue import CATALOGUE
from ibft.labels import labels_of
from ibft.metrics.runs import expand_runs
from ibft.tables.paper import LAYOUTS, fillable
from ibft.store.run_records import Job, RunRecord, named_profile, split_options
from ibft.runtime.watchdog import start_watchdog

try:
    for path in workflow.config_settings.configfiles:
        read_yaml(Path(path))  # tells what Snakemake's own reader has passed over
    CONFIG = load(config)
except UserError as error:
    raise WorkflowError(f"The configuration is wrong; nothing was started.\n{error}")

RESULTS = CONFIG.results
SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
VARIANT = "{model}/{dataset}/{method}/seed{seed}"
LABELS = labels_of(CONFIG)
DRAWS = f"{VARIANT}/{{benchmark}}/T{{temperature}}"
DRAW = f"{DRAWS}/trial{{trial}}"
SHARD = "shard{shard}of{shards}"
SHARED_ENGINE = CONFIG.sampling.jobs_per_model is not None
SAMPLING_OF_OTHER_JOBS = ("temperatures", "trials", "profile", "jobs_per_model")


# Shell commands find the scripts and the library through the environment: a checkout that was moved reruns nothing, and
# conda environments need not install the library.
os.environ["IBFT_SCRIPTS"] = str(SCRIPTS)
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(workflow.basedir) / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
)
# Where no environment was activated, `python` is the one that runs Snakemake; that of --sdm conda still comes before it.
if (own := str(Path(sys.executable).parent)) not in os.get_exec_path():
    os.environ.update(PATH=os.pathsep.join([own, *os.get_exec_path()]))
# Manifests record these.
os.environ[RESULTS_VARIABLE] = RESULTS
os.environ[CONFIG_VARIABLE] = hashlib.sha256(CONFIG.as_json().encode()).hexdigest()[:16]
# Read by the SLURM executor, which takes no path relative to a profile. One of the user's own comes first.
os.environ.setdefault(
    "SNAKEMAKE_SLURM_PARTITIONS",
    str(Path(workflow.basedir) / "profiles" / "slurm" / "partitions.yaml"),
)
# No job outlives this process. The first command is what Snakemake itself puts before every job.
shell.prefix(
    "set -euo pipefail; "
    + start_watchdog(Path(".snakemake"), folders=[workflow.snakemake_tmp_dir])
)


envvars:
    "IBFT_SCRIPTS",
    "PYTHONPATH",


wildcard_constraints:
    model="[^/]+",
    dataset="[^/]+",
    method="[^/]+",
    benchmark="[^/]+",
    seed=r"\d+",
    trial=r"\d+",
    shard=r"\d+",
    shards=r"\d+",
    temperature=r"[\d.]+",


def note_run():
    """Record how this run was started and what its jobs read and write, so that any output can be made again."""
    if "snakemake" not in Path(sys.argv[0]).parts[-2:]:
        return  # somebody's own program has started it, in its own way
    options, targets = split_options(sys.argv[1:], get_argument_parser())
    RunRecord(
        folder=workflow.rundir,
        work=Path.cwd(),
        results=RESULTS,
        snakefile=workflow.main_snakefile,
        options=named_profile(options),
        targets=targets,
        config=os.environ[CONFIG_VARIABLE],
        started=time.time(),
        jobs=[
            Job(inputs=map(str, job.input), outputs=map(str, job.output))
            for job in workflow.dag.jobs
        ],
    ).write()


# A section reaches `params` without the keys that only decide which jobs there are, as JSON for a script's --settings.
# Texts of the configuration reach `params` through functions alone: in a plain text Snakemake replaces what is in braces.


def labels_as_json(wildcards):
    return LABELS.as_json()


def code_of(script, *modules):
    """Digest of a script, the modules that it imports, and those that it loads by name; in `params`, it reruns a rule
    when its code has changed.
    """
    return code_digest(SCRIPTS / script, *modules)


def code_of_figure(wildcards):
    """Leave the other figures out of the digest, so that editing one redraws that figure alone."""
    return code_of("draw_figures.py", f"ibft.figures.{wildcards.figure}")


def one_of(names):
    """A pattern that matches these names and nothing else."""
    return "|".join(map(re.escape, names)) or "(?!)"


def python_of(wildcards):
    """The interpreter's version where a dataset is made of its standard library; the same for all others."""
    from_stdlib = CONFIG.datasets[wildcards.dataset].source == "generated:python-stdlib"
    return platform.python_version() if from_stdlib else "any"


def drawn(target=None):
    """Every set of samples, as products of the values of `ibft.metrics.runs.Run`: each variant on the benchmarks,
    temperatures and trials of its track, and the imported ones. Or those of them that a named target shows.
    """
    for v in CONFIG.variants(target):
        sampling = CONFIG.sampling_of(v.model, v.dataset)
        benchmarks = kept(
            CONFIG.track_of(v.model, v.dataset).benchmarks, target, "benchmarks"
        )
        temperatures = kept(sampling.temperatures, target, "temperatures")
        trials = range(sampling.trials)
        variant = [v.model], [v.dataset], [v.method], [v.seed]
        yield [*variant, benchmarks, temperatures, list(trials)]
    for name, own in CONFIG.samples.items() if target is None else ():
        yield [
            [own.model],
            [own.dataset],
            [name],
            [0],
            [own.benchmark],
            [own.temperature],
            [0],
        ]


def draws(target=None):
    """The wildcards of every set of samples, or of those that a named target shows."""
    for run in expand_runs(drawn(target)):
        yield {**run._asdict(), "temperature": f"{run.temperature:g}"}


def filled_layouts(target=None):
    """The paper's tables that the run, or a named target, can fill."""
    cells = {
        (draw["dataset"], draw["benchmark"], float(draw["temperature"]))
        for draw in draws(target)
    }
    return fillable(CONFIG, cells)


def verdicts_folder(wildcards, input):
    return Path(input.verdicts[0]).parents[DRAW.count("/")]


def draw_paths(folder, target=None):
    """One path per set of samples, under results/<folder>."""
    return [
        f"{RESULTS}/{folder}/{DRAW}.parquet".format(**draw) for draw in draws(target)
    ]


def kept(values, target, key):
    """Those of `values` that the filter of a target leaves."""
    wanted = getattr(target, key, None)
    return [value for value in values if wanted is None or value in wanted]


def adapter_paths():
    return [path for path in map(adapter_of, CONFIG.variants()) if path]


def is_judged_as_it_is(wildcards):
    """Whether completions are run without looking for code fences and headers in them."""
    imported = CONFIG.samples.get(wildcards.method)
    return imported is not None and imported.profile == "as-is"


def adapter_of(wildcards):
    """The manifest of the variant's adapter; nothing for a base model."""
    if CONFIG.methods[wildcards.method].kind == "base":
        return []
    return f"{RESULTS}/training/{wildcards.model}/{wildcards.dataset}/{wildcards.method}/seed{wildcards.seed}/adapter/manifest.json"


def adapter_folder(variant):
    """The folder of the variant's adapter; None for a base model."""
    manifest = adapter_of(variant)
    return str(Path(manifest).parent) if manifest else None


def adapter_option(wildcards, input):
    """`--adapter FOLDER`, or nothing for a base model."""
    return (
        f"--adapter {shlex.quote(str(Path(input.adapter).parent))}"
        if input.get("adapter")
        else ""
    )


def training_of(wildcards):
    return CONFIG.training_of(wildcards.model, wildcards.dataset)


def sampling_of(wildcards):
    return CONFIG.sampling_of(wildcards.model, wildcards.dataset)


def precision_of(wildcards):
    return CONFIG.models[wildcards.model].precision


def profile_of(wildcards):
    return CONFIG.track_of(wildcards.model, wildcards.dataset).profile


def sampling_profile_of(wildcards):
    return CONFIG.sampling_profile_of(wildcards.model, wildcards.dataset)

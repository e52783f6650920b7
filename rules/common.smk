# The configuration and its graph, where results lie, what a job may use, and digests of code: for all rules.

import hashlib
import os
import platform
import re
import shlex
import sys
import time
from pathlib import Path

from snakemake.cli import get_argument_parser
from snakemake.exceptions import WorkflowError

from ibft.config.loading import load
from ibft.config.loading import read_yaml
from ibft.config.targets import SAMPLE_PREFIX, TOGETHER_PREFIX
from ibft.data.folders import content_digest
from ibft.execution.verilog.toolchain import tools_of
from ibft.graph import Graph
from ibft.paths import Variant
from ibft.runtime.errors import UserError
from ibft.runtime.warm_python import (
    ANALYSES,
    EXECUTABLE_VARIABLE,
    MODELS,
    start_warm_python,
)
from ibft.runtime.watchdog import start_watchdog
from ibft.store.code_digest import code_digest
from ibft.store.manifests import CONFIG_VARIABLE, RESULTS_VARIABLE, sha256
from ibft.store.run_records import Job, RunRecord, named_profile, split_options
from ibft.synthesis.toolchain import yosys_version
from ibft.tables.paper_layouts import LAYOUTS

try:
    for path in workflow.config_settings.configfiles:
        read_yaml(Path(path))  # tells what Snakemake's own reader has passed over
    CONFIG = load(config)
except UserError as error:
    raise WorkflowError(f"The configuration is wrong; nothing was started.\n{error}")

GRAPH = Graph(CONFIG)
SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"


# A variable with wildcards says what they match: constraints for all rules do not reach into it.
pathvars:
    results=CONFIG.results,
    logs=f"{CONFIG.results}/logs",
    benchmarks=f"{CONFIG.results}/benchmarks",
    variant=r"{model,[^/]+}/{dataset,[^/]+}/{method,[^/]+}/seed{seed,\d+}",
    run=r"<variant>/{benchmark,[^/]+}/T{temperature,[\d.]+}/trial{trial,\d+}",


wildcard_constraints:
    model="[^/]+",
    dataset="[^/]+",
    benchmark="[^/]+",
    temperature=r"[\d.]+",
    target="[^/]+",


scattergather:
    memorization=CONFIG.memorization.shards,
    gradients=CONFIG.gradients.shards,


# A run tells what is wrong with a benchmark before hours of training: these jobs come first, and while one runs, no job
# starts that runs a model.
FIRST = 1
ALONE = dict(model_slots=1000)  # as many as profiles/default has
SMALL_JOB = dict(mem_mb=lambda wildcards, attempt: 2000 * attempt, runtime=60)


# `python` on so many GPUs of this machine, which no other job has meanwhile; on none, none is seen.
def on_gpus(count):
    return (
        f"python -m ibft.runtime.gpus {count} -- python"
        if count
        else "env CUDA_VISIBLE_DEVICES= python"
    )


MODEL_JOB = dict(
    mem_mb=lambda wildcards, attempt: CONFIG.compute.memory_mb * attempt,
    runtime=lambda wildcards, attempt: CONFIG.compute.runtime_min * attempt,
    gpu=CONFIG.compute.gpus,
    launcher=on_gpus(CONFIG.compute.gpus),
    model_slots=1,
)

# Shell commands find the scripts and the library through the environment: a checkout that was moved reruns nothing, and
# conda environments need not install the library.
os.environ["IBFT_SCRIPTS"] = str(SCRIPTS)
SOURCES = [path for path in [Path(workflow.basedir) / "src"] if path.is_dir()]
os.environ["PYTHONPATH"] = os.pathsep.join(
    [*map(str, SOURCES), *filter(None, [os.environ.get("PYTHONPATH")])]
)
# Where no environment was activated, `python` is the one that runs Snakemake; that of --sdm conda still comes before it.
if (own := str(Path(sys.executable).parent)) not in os.get_exec_path():
    os.environ.update(PATH=os.pathsep.join([own, *os.get_exec_path()]))
# Manifests record these.
os.environ[RESULTS_VARIABLE] = CONFIG.results
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


def check_keys():
    """Refuse to start while the environment lacks the key of a server that this run asks."""
    jobs = {job.rule.name for job in workflow.dag.needrun_jobs()}
    missing = GRAPH.missing_keys(os.environ)
    if missing and any(f"{SAMPLE_PREFIX}{name}" in jobs for name in REMOTE):
        raise WorkflowError(
            f"Nothing was started: the environment has no {', '.join(missing)}, which models.NAME.server.key_variable "
            "names as where a key is. Export it, and run the same command again."
        )


def note_run():
    """Record how this run was started and what its jobs read and write, so that any output can be made again."""
    if "snakemake" not in Path(sys.argv[0]).parts[-2:]:
        return  # somebody's own program has started it, in its own way
    options, targets = split_options(sys.argv[1:], get_argument_parser())
    place = {rule.name: number for number, rule in enumerate(workflow.rules)}
    RunRecord(
        folder=workflow.rundir,
        work=Path.cwd(),
        results=CONFIG.results,
        snakefile=workflow.main_snakefile,
        options=named_profile(options),
        targets=targets,
        config=os.environ[CONFIG_VARIABLE],
        started=time.time(),
        jobs=[
            recorded(job)
            for job in sorted(workflow.dag.jobs, key=lambda job: place[job.rule.name])
        ],
    ).write()


def recorded(job):
    about = {
        "inputs": map(str, job.input),
        "outputs": map(str, job.output),
        "rule": job.rule.name,
        "stage": Path(job.rule.snakefile).stem,
        "log": next(map(str, job.log), None),
        "benchmark": str(job.benchmark) if job.benchmark else None,
    }
    return Job(**about)


# On a GPU a job works long, and a process that has seen one cannot fork.
STARTS_WARM = (
    CONFIG.compute.warm_start and CONFIG.compute.gpus == 0 and workflow.local_exec
)
# Fewer jobs import what they need sooner than a server does.
WORTH_A_SERVER = 3


def start_warm():
    """Let jobs start as forks of one process that has imported what they need, if so many are to run."""
    if not STARTS_WARM or workflow.deployment_settings.deployment_method:
        return  # each rule's environment has its own Python
    if EXECUTABLE_VARIABLE in os.environ:
        return  # as it already is
    jobs = [Path(str(job.rule.conda_env)).stem for job in workflow.dag.needrun_jobs()]
    models = sum(environment in ("train", "sample") for environment in jobs)
    if len(jobs) >= WORTH_A_SERVER:
        modules = [*ANALYSES, *(MODELS if models >= WORTH_A_SERVER else ())]
        clients = start_warm_python(modules)
        os.environ.update(PATH=os.pathsep.join([str(clients), *os.get_exec_path()]))


def code_of(script, *modules):
    """Digest of a script, the modules that it imports, and those that it loads by name; in `params`, it reruns a rule
    when its code has changed.
    """
    return code_digest(SCRIPTS / script, *modules)


def tools_here(benchmark):
    """Version of the tools that verdicts on a benchmark depend on, where Snakemake runs. A job measures its own."""
    try:
        return tools_of(CONFIG.benchmarks[benchmark].language)
    except UserError:
        return "not installed here"


def yosys_here():
    try:
        return yosys_version()
    except UserError:
        return "not installed here"


def content_of(source):
    """Digest of a file or folder of the user's own; other sources name what they hold."""
    kind, _, place = source.partition(":")
    return content_digest(Path(place)) if kind == "path" else ""


def code_of_figure(wildcards):
    """Leave the other figures out of the digest, so that editing one redraws that figure alone."""
    return code_of("draw_figure.py", f"ibft.figures.{wildcards.figure}")


def variant_of(wildcards):
    return Variant(
        wildcards.model, wildcards.dataset, wildcards.method, int(wildcards.seed)
    )


def one_of(names):
    """A pattern that matches these names and nothing else."""
    return "|".join(map(re.escape, names)) or "(?!)"


def as_options(inputs):
    """`KEY=PATH ...` for the shell."""
    return " ".join(shlex.quote(f"{key}={path}") for key, path in inputs.items())


def shown(target):
    """Every file of a target; Snakemake adds no traceback to what is missing for it."""
    try:
        return GRAPH.shown(target)
    except UserError as error:
        raise WorkflowError(str(error))

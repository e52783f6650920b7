# The typed configuration, the paths of a variant, and digests of code, for all rules.

import hashlib
import json
import os
import platform
import shlex
from pathlib import Path

from snakemake.exceptions import WorkflowError

from ibft.code_digest import code_digest
from ibft.config import Selection, load
from ibft.errors import UserError
from ibft.metrics.labels import labels_of

try:
    CONFIG = load(config)
except UserError as error:
    raise WorkflowError(f"The configuration is wrong; nothing was started.\n{error}")

RESULTS = CONFIG.results
SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
VARIANT = "{model}/{dataset}/{method}/seed{seed}"
LABELS = labels_of(CONFIG).model_dump_json()
BOTTLENECKS = labels_of(CONFIG).bottlenecks
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


def code_of(script):
    """Digest of a script and the modules that it imports; in `params`, it reruns a rule when its code has changed."""
    return code_digest(SCRIPTS / script)


def as_json(section, without=()):
    """A config section for a script's --settings, without the keys that only decide which jobs there are."""
    return section.model_dump_json(exclude=set(without))


def python_of(wildcards):
    """The interpreter's version where a dataset is made of its standard library; the same for all others."""
    from_stdlib = CONFIG.datasets[wildcards.dataset].source == "generated:python-stdlib"
    return platform.python_version() if from_stdlib else "any"


def draws():
    """The wildcards of every set of samples: each variant on each benchmark, temperature and trial of its track."""
    for v in CONFIG.variants():
        sampling = CONFIG.sampling_of(v.model, v.dataset)
        for benchmark in CONFIG.track_of(v.model, v.dataset).benchmarks:
            for temperature in sampling.temperatures:
                for trial in range(sampling.trials):
                    yield dict(
                        model=v.model,
                        dataset=v.dataset,
                        method=v.method,
                        seed=v.seed,
                        benchmark=benchmark,
                        temperature=f"{temperature:g}",
                        trial=trial,
                    )


def draw_paths(folder):
    """One path per set of samples, under results/<folder>."""
    return [f"{RESULTS}/{folder}/{DRAW}.parquet".format(**draw) for draw in draws()]


def adapter_paths():
    return [path for path in map(adapter_of, CONFIG.variants()) if path]


def label_of(entries, name):
    return entries[name].label or name


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

"""Configurations that hold what nobody should write: name -> what is changed or written, and the sentence it gets.

The sentence is a regular expression that names the key; None where the configuration works.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.config.test_config import IMPORTED

Values = dict[str, Any]


class HostileConfig(NamedTuple):
    """Keys, joined by points, of the shipped configuration with their new values."""

    changes: Values | Callable[[], Values]
    sentence: str | None

    def values(self) -> Values:
        return self.changes if isinstance(self.changes, dict) else self.changes()


MODEL, BENCH = "models.smollm2-135m", "benchmarks.humaneval"
LABEL = "methods.ft.label"
MINK = "methods.ft-mink.selection.keep_fraction"
FT = {"kind": "ft"}


def named(section: str, name: Any, entry: Any) -> Values:
    return {section: {name: entry}}


def bad_name(name: Any) -> HostileConfig:
    return HostileConfig(named("methods+", name, FT), r"methods\.")


def bad_results(place: str, sentence: str = "") -> HostileConfig:
    return HostileConfig({"results": place}, f"^config: results: {sentence}")


def good(changes: Values) -> HostileConfig:
    return HostileConfig(changes, None)


def theirs(sentence: str, experiments: Values | None = None, **keys: Any) -> HostileConfig:
    entry = {"kind": "adapter", "adapter": "hub:owner/name", **keys}
    return HostileConfig({**named("methods+", "theirs", entry), **(experiments or {})}, sentence)


HOSTILE_CONFIGS = {
    # Adapters that somebody else trained.
    "an adapter": good(named("methods+", "theirs", {"kind": "adapter", "adapter": "hub:owner/name", "revision": "a"})),
    "an adapter of nowhere": theirs(r"methods\.theirs: `adapter` is missing: hub:", adapter=None),
    "an adapter out of a package": theirs(r"methods\.theirs\.adapter: ", adapter="wheel:package"),
    "an adapter that is absent": theirs(r"methods\.theirs\.adapter: .*does not exist", adapter="path:nowhere"),
    "an adapter that is trained": theirs(r"methods\.theirs: .*so it takes no `training`", training={"epochs": 1}),
    "an adapter on a selection": theirs(
        r"methods\.theirs: .*so it takes no `selection`", selection={"by": "mink", "keep_fraction": 0.5}
    ),
    "an adapter with alpha": theirs(r"methods\.theirs: .*so it takes no `alpha`", alpha=0.5),
    "an adapter of two models": theirs(
        r"methods\.theirs\.adapter: an adapter is of one base model, and experiments run it on ",
        {
            "models+": {"another": {"source": "hub:owner/another", "layers": 30}},
            "experiments.verilog.models": ["smollm2-135m", "another"],
            "experiments.verilog.methods": ["base", "ft", "theirs"],
        },
    ),
    "fine-tuning with an adapter": HostileConfig(
        {"methods.ft.adapter": "hub:owner/name"}, r"methods\.ft: `adapter` and `revision` are keys of `kind: adapter`"
    ),
    # Methods that would vanish.
    "keep that looks alike": HostileConfig({MINK: [0.2, 0.20000001]}, r"methods\.ft-mink: two of its values"),
    "one keep of many digits": HostileConfig(
        {MINK: 0.123456789}, r"methods\.ft-mink\.selection\.keep_fraction: .*write 0.123457"
    ),
    "alpha that looks alike": HostileConfig(
        {"methods.ibft.alpha": [0.1, 0.10000001]}, r"methods\.ibft: two of its values"
    ),
    "a layer that looks alike": HostileConfig({"methods.ibft.layer": [0.5, 0.5000000001]}, r"methods\.ibft: two of"),
    "a member named as a method": HostileConfig(
        {MINK: [0.9, 0.8], **named("methods+", "ft-mink-keep0.9", FT)},
        r"methods\.ft-mink and methods\.ft-mink-keep0\.9: both give a method called ft-mink-keep0\.9",
    ),
    "a member named as another's": HostileConfig(
        {"methods.ibft.alpha": [0.1, 1.0], "methods+": {"ibft-alpha1": {"kind": "ibft"}}},
        r"methods\.ibft and methods\.ibft-alpha1:",
    ),
    "samples named as a member": HostileConfig(
        {MINK: [0.9, 0.8], "imported_samples": {"ft-mink-keep0.9": IMPORTED}},
        r"imported_samples\.ft-mink-keep0\.9: a method has",
    ),
    "a list that says one value twice": HostileConfig(
        {MINK: [0.9, 0.9]}, r"methods\.ft-mink\.selection\.keep_fraction"
    ),
    "an empty list of values": HostileConfig({MINK: []}, r"methods\.ft-mink\.selection\.keep_fraction"),
    "one label for two methods": HostileConfig(
        {LABEL: "Base"}, r"methods\.ft\.label: 'Base' already stands for 'base'"
    ),
    "one label for samples and a method": HostileConfig(
        {"imported_samples": {"theirs": {**IMPORTED, "model": "smollm2-135m", "label": "FT"}}},
        r"imported_samples\.theirs\.label: 'FT'",
    ),
    "one label for two datasets": HostileConfig(
        {"datasets.rtl.label": "L", "datasets.python-stdlib.label": "L"},
        None,  # whose benchmarks differ
    ),
    "a method twice in an experiment": HostileConfig(
        {"experiments.verilog.methods": ["ft", "base", "ft"]},
        r"experiments\.verilog\.methods: 'ft' stands in the list twice",
    ),
    "a model twice in an experiment": HostileConfig(
        {"experiments.verilog.models": ["smollm2-135m"] * 2}, r"experiments\.verilog\.models: "
    ),
    "a benchmark twice": HostileConfig(
        {"experiments.verilog.benchmarks": ["rtl-mini"] * 2}, r"experiments\.verilog\.benchmarks: "
    ),
    "a temperature twice": HostileConfig({"sampling.temperatures": [0.2, 0.2]}, r"sampling\.temperatures: 0\.2 stands"),
    "a seed twice": HostileConfig({"training.seeds": [1, 1]}, r"training\.seeds: 1 stands in the list twice"),
    "a k twice": HostileConfig({"metrics.k": [1, 5, 1]}, r"metrics\.k: 1 stands in the list twice"),
    "a sweep and its member": HostileConfig(
        {MINK: [0.9, 0.8], "experiments.verilog.methods": ["ft-mink", "ft-mink-keep0.9"]},
        r"experiments\.verilog\.methods: 'ft-mink-keep0",
    ),
    # Numbers.
    "a temperature that looks like another": HostileConfig(
        {"sampling.temperatures": [0.2, 0.20000001]}, r"temperatures.1: .*write 0.2"
    ),
    "an infinite temperature": HostileConfig(
        {"sampling.temperatures": [float("inf")]}, r"sampling\.temperatures\.0: .*finite"
    ),
    "no temperature": HostileConfig({"sampling.temperatures": [float("nan")]}, r"sampling\.temperatures\.0: .*finite"),
    "a small temperature": HostileConfig(
        {"sampling.temperatures": [1e-7]}, r"sampling\.temperatures\.0: .*too near to 0"
    ),
    "a small temperature as text": HostileConfig(
        {"sampling.temperatures": ["1e-7"]}, r"temperatures\.0: .*too near to 0"
    ),
    "a great temperature": HostileConfig({"sampling.temperatures": [1e20]}, r"sampling\.temperatures\.0: .*1000"),
    "a temperature below 0": HostileConfig({"sampling.temperatures": [-0.5]}, r"sampling\.temperatures\.0: .*0"),
    "an empty list of temperatures": HostileConfig({"sampling.temperatures": []}, r"sampling\.temperatures"),
    "a temperature of an experiment": HostileConfig(
        {"experiments.verilog.sampling.temperatures": [1e-9]}, r"experiments\.verilog\.sampling\.temp"
    ),
    "a temperature of samples": HostileConfig(
        {"imported_samples": {"a": {**IMPORTED, "temperature": 1e-9}}}, r"imported_samples\.a\.temperature: "
    ),
    "a temperature of a target": HostileConfig(
        {"targets": {"mine": {"table": True, "temperatures": [float("nan")]}}}, r"targets\.mine\.temperatures\.0: "
    ),
    "greedy decoding": good({"sampling.temperatures": [0]}),
    "a seed below 0": HostileConfig({"training.seeds": [-1]}, r"training\.seeds\.0: .*greater than or equal to 0"),
    "a great seed": HostileConfig({"training.seeds": [2**70]}, r"training\.seeds\.0: .*2147483647"),
    "a seed of the run below 0": HostileConfig({"seed": -1}, r"seed: .*greater than or equal to 0"),
    "a great seed of a dataset": HostileConfig({"datasets.rtl.seed": 2**70}, r"datasets\.rtl\.seed: "),
    "a fraction of a seed": HostileConfig({"training.seeds": [0.5]}, r"training\.seeds\.0: "),
    "an integer of 5,000 digits": HostileConfig({"sampling.n": 10**5000}, r"sampling\.n: "),
    "a billion trials": HostileConfig({"sampling.trials": 10**9}, r"sampling\.trials: .*10000"),
    "a billion shards": HostileConfig({"memorization.shards": 10**9}, r"memorization\.shards: .*10000"),
    "an endless time limit": HostileConfig(
        {"execution": {"python_timeout_s": float("inf")}}, r"execution\.python_timeout_s: "
    ),
    "a time limit of ages": HostileConfig(
        {"execution": {"verilog_timeout_s": 1e300}}, r"execution\.verilog_timeout_s: .*3600"
    ),
    "memory without end": HostileConfig({"execution": {"memory_mb": 10**18}}, r"execution\.memory_mb: .*1048576"),
    "a learning rate that is none": HostileConfig(
        {"training.learning_rate": float("nan")}, r"training\.learning_rate: .*finite"
    ),
    "endless epochs": HostileConfig({"training.epochs": 1e300}, r"training\.epochs: .*10000"),
    # Values of another kind than they should be.
    "a switch for a number": HostileConfig({"sampling.n": True}, r"sampling\.n: yes, no, on, off.*are switches"),
    "a switch in a list of numbers": HostileConfig({"metrics.k": [True, 5]}, r"metrics\.k: yes, no"),
    "a switch for a label": HostileConfig({LABEL: False}, r"methods\.ft\.label: yes, no.*in quotes"),
    "a list for a number": HostileConfig({"sampling.n": [10]}, r"sampling\.n: .*\(found \[10\]\)"),
    "a mapping for a number": HostileConfig({"sampling.top_p": {"a": 1}}, r"sampling\.top_p: "),
    "a number for a section": HostileConfig({"sampling": 3}, r"sampling: "),
    "a list for a section": HostileConfig({"models": []}, r"models: "),
    "nothing for a section": HostileConfig({"methods": None}, r"methods: "),
    "a text for a list": HostileConfig(
        {"experiments.verilog.models": "smollm2-135m"}, r"experiments\.verilog\.models: "
    ),
    "a number for a label": HostileConfig({LABEL: 2024}, r"methods\.ft\.label: .*put it in quotes \(found 2024\)"),
    "a long text for a number": HostileConfig({"sampling.n": "9" * 100_000}, r"sampling\.n: .{,300}$"),
    "a list of a million": HostileConfig(lambda: {"sampling.n": [[0] * 10] * 100_000}, r"sampling\.n: .{,600}$"),
    # Names.
    "a name of 101 characters": bad_name("a" * 101),
    "a name of 100 characters": good(named("methods+", "a" * 100, FT)),
    "an empty name": bad_name(""),
    "a name with a slash": bad_name("a/b"),
    "a name upwards": bad_name(".."),
    "a name that begins with a point": bad_name(".hidden"),
    "a name that begins with a dash": bad_name("-rf"),
    "a name with a blank": bad_name("a b"),
    "a name with a line break": bad_name("a\n"),
    "a name in braces": bad_name("{x}"),
    "a name in dollars": bad_name("$(id)"),
    "a name in Cyrillic": bad_name("\u0430bc"),
    "a name with a combining mark": bad_name("e\u0301"),
    "a name that is a number": bad_name(1),
    "a name that is a switch": bad_name(True),
    "two names that differ in case": good(named("methods+", "FT", {"kind": "ft", "label": "Another"})),
    "a target called all": HostileConfig(
        named("targets", "all", {"table": True}), r"targets\.all: the workflow has a rule"
    ),
    "a target called like a rule": HostileConfig(
        named("targets", "compute_metrics", {"table": True}), r"targets\.compute_metrics: the workflow"
    ),
    "a target called like another rule": HostileConfig(
        named("targets", "sample_x", {"table": True}), r"targets\.sample_x: "
    ),
    "a target called like a file": good(named("targets", "Snakefile", {"table": True})),
    # Where results go.
    "results nowhere": bad_results("", "a folder is needed"),
    "results in a blank": bad_results("  ", "a folder is needed"),
    "results in the root": bad_results("/", ".*holds it"),
    "results here": bad_results(".", ".*the folder where Snakemake is started"),
    "results above": bad_results("..", ".*the folder where Snakemake is started"),
    "results here, by a detour": bad_results("absent/../.", ".*the folder where Snakemake is started"),
    "results at home": HostileConfig(lambda: {"results": str(Path.home())}, "results: .*your home"),
    "results where homes are": HostileConfig(lambda: {"results": str(Path.home().parent)}, "results: "),
    "results called home": bad_results("~", ".*not replaced by your home"),
    "results in a checkout": HostileConfig(
        lambda: {"results": str(Path(__file__).parents[2])}, "results: .*, or holds it"
    ),
    "results in sources": HostileConfig(
        lambda: {"results": str(Path(__file__).parent)}, "results: .*part of ibft itself"
    ),
    "results in a file": HostileConfig(lambda: {"results": __file__}, "results: .*is a file"),
    "results in an option": bad_results("-x", ".*read as an option"),
    "results in a file of options": bad_results("@x", ".*file of options"),
    "results in a wildcard": bad_results("{x}", ".*holds"),
    "results in a path variable": bad_results("<logs>", ".*holds"),
    "results in a pattern": bad_results("res*", ".*holds"),
    "results with a line break": bad_results("a\nb", ".*holds a control character"),
    "results with an escape": bad_results("a\x1b[2J", ".*holds a control character"),
    "results with a null character": bad_results("a\0b", ".*null character"),
    "results with half a surrogate pair": bad_results("a\ud800", ".*surrogate"),
    "results with a long name": HostileConfig({"results": "r" * 5000}, "results: "),
    # Texts that something else might read.
    "a label in braces": good({LABEL: "{x} {{y}} {wildcards.model} {0}"}),
    "a label in dollars": good({LABEL: "$x$ $\\frac{ $HOME ${HOME} $(id)"}),
    "a label of quotes": good({LABEL: "'\"`\\\n;&|"}),
    "a label with a null character": HostileConfig({LABEL: "a\0"}, r"methods\.ft\.label: .*null character"),
    "a label with half a surrogate pair": HostileConfig({LABEL: "a\ud800"}, r"methods\.ft\.label: .*surrogate"),
    "a label of 201 characters": HostileConfig({LABEL: "x" * 201}, r"methods\.ft\.label: .*200"),
    "an unknown key with an escape": HostileConfig(
        {"methods.ft.\x1b[2J": 1}, r"methods\.ft\.⟨U\+001B⟩\[2J: unknown key"
    ),
    "an unknown key with a line break": HostileConfig({"a\nb": 1}, r"a⟨U\+000A⟩b: unknown key"),
    # Where things come from.
    "a model in a file": HostileConfig(
        {f"{MODEL}.source": f"path:{__file__}"}, r"smollm2-135m\.source: .*it is a file"
    ),
    "a dataset in a device": HostileConfig(
        {"datasets.rtl.source": "path:/dev/zero"}, r"datasets\.rtl\.source: .*device"
    ),
    "a benchmark in a device": HostileConfig(
        {f"{BENCH}.source": "path:/dev/zero"}, r"benchmarks\.humaneval\.source: .*device"
    ),
    "descriptions in a device": HostileConfig(
        {f"{BENCH}.descriptions": "path:/dev/zero"}, r"humaneval\.descriptions: .*device"
    ),
    "descriptions without a checksum": HostileConfig(
        {f"{BENCH}.descriptions": "url:https://x.invalid"}, r"humaneval\.descriptions_sha256: needed"
    ),
    "samples in a device": HostileConfig(
        {"imported_samples": {"a": {**IMPORTED, "source": "path:/dev/tty"}}}, r"imported_samples\.a\.source: "
    ),
    "samples in a folder": HostileConfig(
        {"imported_samples": {"a": {**IMPORTED, "source": "path:/"}}}, r"imported_samples\.a\.source: .*folder"
    ),
    "samples under a long name": HostileConfig(
        {"imported_samples": {"a": {**IMPORTED, "source": f"path:{'x' * 300}"}}},
        r"imported_samples\.a\.source: .*too long",
    ),
    "samples under a null character": HostileConfig(
        {"imported_samples": {"a": {**IMPORTED, "source": "path:\0"}}}, r"imported_samples\.a\.source: .*null character"
    ),
}

# Texts of whole files, which fail before their keys are looked at.
HOSTILE_YAML = {
    "a key twice": ("seed: 1\nsampling: {}\nseed: 2\n", r":1: seed: stands twice, again in line 3"),
    "a key twice, deep": ("sampling:\n  n: 1\n  top_p: 1\n  n: 2\n", r":2: sampling\.n: stands twice, again in line 4"),
    "an octal number": ("sampling:\n  n: 010\n", r":2: sampling\.n: 010 is octal"),
    "a number to the base of 60": ("seed: 1:30\n", r":1: seed: 1:30 is a number to the base of 60"),
    "a fraction to the base of 60": ("seed: 1:30.5\n", r":1: seed: 1:30.5 is a number to the base of 60"),
    "a reference to itself": ("models: &a\n  b: *a\n", r"models\.b: refers to itself"),
    "references for billions": (
        "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"a{i + 1}: &a{i + 1} [{','.join([f'*a{i}'] * 10)}]\n" for i in range(9)),
        r"holds more than 100000 values",
    ),
    "a deep list": ("a: " + "[" * 20_000, "nested too deeply"),
    "tabs": ("a:\n\tb: 1\n", "cannot be read as YAML"),
    "an escape": ("a: \x1b[2J\n", "cannot be read as YAML"),
    "a null character": ("a: \0\n", "cannot be read as YAML"),
    "a Python object": ("a: !!python/object/apply:os.system [true]\n", "cannot be read as YAML"),
    "a list for a key": ("? [a]\n: 1\n", "cannot be read as YAML"),
    "an unfinished list": ("a: [", "cannot be read as YAML"),
    "an unknown reference": ("a: *b\n", "cannot be read as YAML"),
    "a date that no calendar has": ("seed: 2024-02-31\n", "holds a value that cannot be read"),
    "an integer of 5,000 digits": (f"seed: {'9' * 5000}\n", "holds a value that cannot be read"),
    "a program": ("__use_yte__: true\nseed: ?1 + 1\n", "__use_yte__ makes a program of this file"),
    "a list": ("- a\n", "must hold a mapping"),
    "a text": ("a\n", "must hold a mapping"),
    "nothing": ("", "must hold a mapping"),
    "two documents": ("a: 1\n---\nb: 2\n", "cannot be read as YAML"),
}

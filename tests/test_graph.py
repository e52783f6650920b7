"""The graph of the paper's configuration and of the tests': what there is, what jobs read, and what they are told."""

import copy
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
import yaml

from ibft.config.loading import load
from ibft.config.section import Section
from ibft.config.targets import ALL
from ibft.figures.catalogue import CATALOGUE
from ibft.graph import Graph
from ibft.paths import Results, Run, Variant
from ibft.runtime.errors import UserError
from tests.conftest import REPOSITORY

PAPER = yaml.safe_load((REPOSITORY / "config" / "paper.yaml").read_text())
SMALL = yaml.safe_load((REPOSITORY / "tests" / "workflow" / "config.yaml").read_text())
SMALL["models"]["tiny"]["source"] = "hub:owner/tiny"  # of the file's folder nothing is there before a run
RUNS = {  # models x methods x benchmarks x temperatures x trials
    ALL: 2 * 8 * 2 * 3 * 5 + 2 * 3 * 1 * 3 * 5 + 1 * 2 * 2 * 3 * 5,
    "table1": 2 * 5 * 2 * 1 * 5,
    "tableA1": 2 * 3 * 1 * 1 * 5,
    "fig1": 1 * 3 * 2 * 1 * 5,
    "fig2": 1 * 2 * 2 * 1 * 5,
    "fig4": 1 * (5 + 2 * 4) * 2 * 1 * 5,
    "fig6": 1 * 3 * 2 * 3 * 5,
    "figA1": 2 * 5 * 1 * 1 * 5,
    "search": 2 * 11 * 2 * 1 * 5 + 2 * 11 * 1 * 1 * 5,  # of which it shows the trainings alone
}
BASE, FT, GRAND = (Variant("tiny", "rtl", method, 0) for method in ("base", "ft", "ft-grand"))


def graph(config: dict[str, Any], **changes: Any) -> Graph:
    """The graph of a configuration with some sections changed: `section={"key": value}`, or its whole value."""
    values = copy.deepcopy(config)
    for section, value in changes.items():
        values[section] = {**values.get(section, {}), **value} if isinstance(value, dict) else value
    return Graph(load(values))


@pytest.fixture(scope="module")
def paper() -> Graph:
    return graph(PAPER)


@pytest.fixture(scope="module")
def small() -> Graph:
    return graph(SMALL)


@pytest.mark.parametrize(("target", "count"), RUNS.items())
def test_a_target_has_the_runs_that_its_filters_keep(paper: Graph, target: str, count: int) -> None:
    runs = paper.runs(target)
    assert len(set(runs)) == len(runs) == count
    shown = paper.config.target(target)
    for run in runs:
        assert shown.models is None or run.model in shown.models
        assert shown.methods is None or run.method in shown.methods
        assert shown.benchmarks is None or run.benchmark in shown.benchmarks
        assert shown.temperatures is None or run.temperature in shown.temperatures
        assert run.benchmark in paper.config.experiment_of(run.model, run.dataset).benchmarks
    if target not in ("search", "fig4"):  # some of whose methods no experiment runs
        assert set(runs) <= set(paper.runs())


def test_imported_samples_are_runs_of_every_target_whose_filters_they_pass() -> None:
    own = {"source": f"path:{__file__}", "model": "theirs", "dataset": "theirs"}
    own |= {"benchmark": "rtl-mini", "temperature": 0.2}
    targets = {
        "mine": {"table": True, "experiments": ["verilog"]},
        "cold": {"table": True, "temperatures": [0.2]},
        "hot": {"table": True, "temperatures": [0.5]},
    }
    found = graph(SMALL, imported_samples={"theirs": own}, targets=targets)
    run = Run("theirs", "theirs", "theirs", 0, "rtl-mini", 0.2, 0)
    assert found.runs("cold") == [run]
    assert run in found.runs()
    assert run not in found.runs("mine") and run not in found.runs("hot")
    assert set(found.runs("mine")) == set(found.runs("hot")) == set(found.runs()) - {run}
    assert (found.execute("theirs").as_is, found.execute("ft").as_is) == (True, False)


def test_a_base_model_does_without_adapter_selection_and_training(small: Graph) -> None:
    assert small.adapter(BASE) == small.kept(BASE) == []
    assert small.adapter(FT) == ["results/training/tiny/rtl/ft/seed0/adapter/manifest.json"]
    assert small.kept(FT) == []
    assert small.kept(GRAND) == ["results/selection/tiny/rtl/grand-keep0.5.parquet"]
    assert len(small.adapters()) == 5 and not any("/base/" in path for path in small.adapters())
    curves = small.pair_figure_inputs("training_curves", "tiny", "rtl")
    assert set(curves) == {f"{name}/seed0" for name in small.config.methods if name != "base"}


def test_an_adapter_of_somebody_else_is_sampled_and_measured_and_has_no_training() -> None:
    config = copy.deepcopy(SMALL)
    config["methods"]["theirs"] = {"kind": "adapter", "adapter": "hub:owner/name", "revision": "abc"}
    config["experiments"]["verilog"] |= {"methods": ["base", "ft", "theirs"], "measured_on": ["rtl"]}
    config["memorization"]["score_methods"] = ["base", "theirs"]
    config["geometry"]["methods"] = ["ft", "theirs"]
    config["training"]["seeds"] = [3, 4]
    found, own = graph(config), Variant("tiny", "rtl", "theirs", 0)
    assert found.adapter(own) == ["results/adapters/tiny/theirs/manifest.json"]
    assert [v for v in found.config.variants() if v.method == "theirs"] == [own]
    assert {run.variant for run in found.runs() if run.method == "theirs"} == {own}
    assert found.results.nll(own) in found.shown(ALL)
    assert found.kept(own) == found.held_out(own) == []
    assert found.pair_figure_inputs("memorization", "tiny", "rtl")["p1-seed0"] == found.results.memorization(own)
    assert found.pair_figure_inputs("geometry", "tiny", "rtl")["theirs/seed0"] == found.results.geometry(own)
    assert set(found.pair_figure_inputs("training_curves", "tiny", "rtl")) == {"ft/seed3", "ft/seed4"}
    assert set(found.report_inputs()["logs"]) == {"tiny/rtl/ft/seed3", "tiny/rtl/ft/seed4"}
    assert found.prefetched_adapters() == {"theirs": "results/adapters/tiny/theirs/manifest.json"}
    assert found.prepare_adapter("theirs").as_json() == '{"name":"theirs","adapter":"hub:owner/name","revision":"abc"}'
    assert found.labels.method("theirs") == "Adapter"


def test_a_criterion_reads_its_own_scores_of_the_base_model(small: Graph) -> None:
    assert small.scores_to_select_by("tiny", "rtl", "mink") == ["results/memorization/tiny/rtl/base/seed0.parquet"]
    assert small.scores_to_select_by("tiny", "rtl", "grand") == ["results/gradients/tiny/rtl.parquet"]
    assert small.scores_to_select_by("tiny", "rtl", "random") == []


def test_examples_are_dropped_where_so_configured_and_never_of_the_reference(small: Graph) -> None:
    dropping = graph(SMALL, contamination={"drop": True})
    assert small.datasets == dropping.datasets == ["fictitious-authors", "rtl"]
    assert [small.examples(name) for name in small.datasets] == [
        "results/examples/fictitious-authors.parquet",
        "results/split/rtl/training.parquet",
    ]
    assert [small.usable_examples("rtl"), dropping.usable_examples("rtl")] == [
        "results/examples/rtl.parquet",
        "results/decontaminated/rtl.parquet",
    ]
    everything = graph(SMALL, contamination={"drop": True}, held_out={"fraction": 0})
    assert everything.examples("rtl") == "results/decontaminated/rtl.parquet"
    assert everything.held_out_examples("rtl") == everything.held_out(FT) == []
    assert "held_out" not in everything.report_inputs()["figures"]
    assert [dropping.examples(name) for name in dropping.datasets] == [
        "results/examples/fictitious-authors.parquet",
        "results/split/rtl/training.parquet",
    ]
    assert dropping.held_out_examples("rtl") == ["results/split/rtl/held_out.parquet"]
    assert dropping.held_out_examples("fictitious-authors") == []
    assert dropping.contamination("fictitious-authors") == []
    assert dropping.contamination("rtl") == ["results/contamination/rtl/rtl-mini.parquet"]


def test_memorization_is_compared_before_and_after_the_first_tuned_method_that_is_scored(paper: Graph) -> None:
    model, dataset = "llama-3-8b", "evol-codealpaca-v1"
    found = paper.pair_figure_inputs("memorization", model, dataset)
    assert {group: path.removeprefix("results/paper/memorization/") for group, path in found.items()} == {
        "p0": f"{model}/{dataset}/base/seed0.parquet",
        "p1-seed0": f"{model}/{dataset}/ft/seed0.parquet",
        "p2": f"{model}/{paper.config.memorization.reference}/base/seed0.parquet",
    }


def test_geometry_and_memorization_are_those_of_all_seeds() -> None:
    several = graph(SMALL, training={"seeds": [3, 4]})
    geometry = several.pair_figure_inputs("geometry", "tiny", "rtl")
    variants = {"base/seed0", *(f"{method}/seed{seed}" for method in ("ft", "ibft") for seed in (3, 4))}
    assert geometry == {variant: f"results/geometry/tiny/rtl/{variant}.parquet" for variant in variants}
    memorization = several.pair_figure_inputs("memorization", "tiny", "rtl")
    assert {group: path for group, path in memorization.items() if group.startswith("p1")} == {
        f"p1-seed{seed}": f"results/memorization/tiny/rtl/ft/seed{seed}.parquet" for seed in (3, 4)
    }


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ({"figures": ["temperature"]}, "draws temperature, .* lacks several `sampling.temperatures`"),
        (
            {"figures": ["removal_ratio"], "methods": ["base", "ft", "ft-grand"]},
            "draws removal_ratio, .* lacks a method whose `selection.keep_fraction` is a list",
        ),
        ({"figures": ["sensitivity"]}, "draws sensitivity, .* lacks an IB-FT method with a list for alpha, beta"),
        ({"table": True, "temperatures": [0.9]}, "shows nothing: targets.mine keeps no variant of any experiment"),
    ],
)
def test_a_target_that_lacks_something_says_what(target: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=rf"^Target mine {told}"):
        graph(SMALL, targets={"mine": target}).shown("mine")


def test_a_target_whose_figure_no_pair_has_says_so() -> None:
    config = copy.deepcopy(SMALL)
    config["experiments"]["verilog"]["methods"].remove("ft-grand")
    with pytest.raises(UserError, match=r"^Target mine draws gradient_imbalance, of which this configuration has none"):
        graph(config, targets={"mine": {"figures": ["gradient_imbalance"]}}).shown("mine")


def test_one_value_of_the_removed_share_is_no_sweep() -> None:
    config = copy.deepcopy(SMALL)
    config["methods"]["ft-mink"]["selection"]["keep_fraction"] = 0.5
    assert "removal_ratio" in graph(SMALL).run_figures()
    assert "removal_ratio" not in graph(config).run_figures()  # GraNd has a share of its own, which is no second point


def test_the_whole_run_has_all_that_its_configuration_has_anything_for(paper: Graph, small: Graph) -> None:
    of_run = {"pass_at_k", "pass_at_k_m", "pass_at_k_m_curve", "radar", "pass_heatmap", "status_composition"}
    assert set(small.run_figures()) == of_run | {"removal_ratio"}
    assert set(paper.run_figures()) == of_run | {"removal_ratio", "temperature"}
    of_pairs = Counter(name.partition("/")[0] for name in paper.figures() if "/" in name)
    assert of_pairs == {
        "memorization": 5,
        "gradient_imbalance": 2,
        "training_curves": 5,
        "regimes": 5,
        "held_out": 5,
        "geometry": 5,
    }
    assert set(of_pairs) == {name for name, entry in CATALOGUE.items() if entry.shows == "model_on_dataset"}
    for whole, layouts in ((small, []), (paper, ["table_1", "table_A1"])):
        shown = whole.shown(ALL)
        assert len(set(shown)) == len(shown)
        assert whole.filled_layouts(ALL) == layouts
        root = whole.config.results
        asked = ["report.html", "metrics/all/metrics.parquet", "metrics/all/comparisons.parquet"]
        asked += [f"tables/all/headline.{kind}" for kind in ("parquet", "csv", "md", "tex")] + [
            "tables/all/findings.md"
        ]
        asked += [f"tables/all/paper_comparison.{kind}" for kind in ("parquet", "csv", "md")]
        asked += [f"tables/all/{name}.{kind}" for name in layouts for kind in ("md", "tex")]
        assert {f"{root}/{path}" for path in asked} | set(whole.figure_files(ALL)) == set(shown)


def test_a_named_target_shows_its_own_files_alone(paper: Graph) -> None:
    assert paper.shown("table1") == [
        f"results/paper/tables/table1/{name}.{kind}" for name in ("headline", "table_1") for kind in ("md", "tex")
    ]
    assert paper.shown("fig2") == [
        f"results/paper/figures/fig2/{name}.{kind}" for name in ("pass_at_k", "pass_at_k_m") for kind in ("png", "svg")
    ]
    pair = "deepseek-coder-7b-instruct-v1.5/origen"
    assert paper.shown("fig5") == [f"results/paper/figures/{pair}/geometry.{kind}" for kind in ("png", "svg")]


def test_figures_are_drawn_from_the_tables_of_their_target(paper: Graph) -> None:
    assert paper.figure_inputs("fig6", "temperature") == {"metrics": "results/paper/metrics/fig6/metrics.parquet"}
    assert paper.figure_inputs(ALL, "pass_heatmap") == {"pass_counts": "results/paper/metrics/all/pass_counts.parquet"}
    assert paper.figure_tables("fig6", "temperature") == ["results/paper/metrics/fig6/metrics.parquet"]
    counts = "results/paper/metrics/all/pass_counts.parquet"
    assert paper.figure_tables(ALL, "status_composition") == [counts, *paper.verdicts(ALL)]
    pair = "llama-3-8b/evol-codealpaca-v1"
    assert paper.figure_inputs(pair, "geometry") == paper.pair_figure_inputs("geometry", *pair.split("/"))
    assert paper.draw_figure(pair, "geometry").subject == "Llama-3-8B, Evol-CodeAlpaca-V1"
    assert paper.draw_figure("fig6", "temperature").subject == ""


def test_the_report_shows_every_part(small: Graph) -> None:
    parts = small.report_inputs()
    pair = "tiny/rtl"
    assert {name: set(part) for name, part in parts.items() if name != "figures"} == {
        "problems": {"rtl-mini"},
        "examples": {"rtl", "fictitious-authors"},
        "contamination": {"rtl/rtl-mini"},
        "logs": {f"{pair}/{name}/seed0" for name in small.config.methods if name != "base"},
        "held_out": {f"{pair}/{name}/seed0" for name in small.config.methods if name != "base"},
        "barrier": set(),
        "memorization": {f"{pair}/{group}" for group in ("p0", "p1-seed0", "p2")},
        "gradients": {f"{pair}/{table}" for table in ("deciles", "correlations")},
        "selection": {f"{pair}/{name}" for name in ("ft-mink-keep0.75", "ft-mink-keep0.5", "ft-grand")},
    }
    assert parts["figures"] == small.figures()
    assert parts["figures"]["pass_at_k"] == "results/figures/all/pass_at_k.svg"
    assert parts["figures"][f"geometry/{pair}"] == f"results/figures/{pair}/geometry.svg"


def jobs_of(each: Graph) -> Iterator[tuple[str, Section]]:
    """Every job that is told something, by a name."""
    for model in each.prefetched_models():
        yield f"model {model}", each.prepare_model(model)
        yield f"scoring on {model}", each.score_memorization(model)
        yield f"geometry of {model}", each.measure_geometry(model)
    for dataset in each.datasets:
        yield f"dataset {dataset}", each.prepare_dataset(dataset)
    for benchmark in each.benchmarks:
        yield f"benchmark {benchmark}", each.prepare_benchmark(benchmark)
    for model, dataset in each.config.pairs():
        yield f"gradients {model} {dataset}", each.score_gradients(model, dataset)
    for variant in each.config.variants():
        yield f"training of {variant}", each.train(variant)
        for temperature in each.config.sampling.temperatures:
            yield f"samples of {variant} at {temperature}", each.sample(variant, temperature)
        yield f"judging of {variant.method}", each.execute(variant.method)
    yield "contamination", each.measure_contamination()
    yield "references", each.measure_references()
    yield "gradients and memorization", each.relate_gradients()
    yield "split", each.hold_out()
    yield "selection", each.select_examples("mink", "0.5")
    yield "counts", each.count_passes(ALL)
    yield "metrics", each.compute_metrics()
    yield "tables", each.write_tables()
    yield "Table 1", each.write_paper_table("table_1")
    for name in each.figures():
        figure, _, pair = name.partition("/")
        yield f"figure {name}", each.draw_figure(pair or ALL, figure)
    yield "report", each.write_report()


def told(each: Graph) -> dict[str, str]:
    return {name: job.as_json() for name, job in jobs_of(each)}


@pytest.mark.parametrize("config", [PAPER, SMALL], ids=["paper", "tests"])
def test_what_a_job_is_told_gives_back_its_specification(config: dict[str, Any]) -> None:
    for name, job in jobs_of(graph(config)):
        assert type(job).model_validate_json(job.as_json()) == job, name


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"compute": {"threads": 7, "gpus": 1, "wandb": "project", "trackio": "p"}}, set()),
        ({"targets": {"mine": {"table": True}}}, set()),
        ({"memorization": {"shards": 3}, "gradients": {"shards": 5}}, {"report"}),
        ({"contamination": {"drop": True}}, {"report"}),
        ({"sampling": {"trials": 3}}, {"counts", "report"}),
        ({"sampling": {"n": 6}}, {"samples", "report"}),
        ({"execution": {"memory_mb": 99}}, {"references", "judging", "report"}),
        ({"held_out": {"fraction": 0.2}}, {"split", "report"}),
        ({"held_out": {"points": 2}}, {"training", "report"}),
        ({"training": {"watch_every": 5}}, {"training", "report"}),
        ({"geometry": {"pairs": 5}}, {"geometry", "report"}),
        ({"gradients": {"warmup_steps": 2}}, {"gradients", "report"}),
        ({"models": {"tiny": {"source": "hub:owner/tiny", "layers": 3, "label": "T"}}}, {"labels"}),
        ({"methods": {"ft": {"kind": "ft", "label": "T"}}}, {"labels"}),
    ],
    ids=lambda value: repr(value) if isinstance(value, dict) else "",
)
def test_a_key_changes_what_those_jobs_are_told_that_it_decides(
    small: Graph, changes: dict[str, Any], changed: set[str]
) -> None:
    before, after = told(small), told(graph(SMALL, **changes))
    found = {name.split()[0] for name in before if after[name] != before[name]}
    of_labels = {"tables", "Table", "figure", "report"}
    assert found == (of_labels if changed == {"labels"} else changed)


def test_training_is_told_the_seed_and_layer_of_its_variant() -> None:
    each = graph(SMALL, training={"seeds": [3, 4]}, methods={"ibft": {"kind": "ibft", "bottleneck": 8, "layer": 1}})
    job = each.train(Variant("tiny", "rtl", "ibft", 4))
    assert (job.seed, job.layer, job.method.bottleneck, job.training.seeds) == (4, 1, 8, (0,))


def test_runs_lie_where_the_layout_says() -> None:
    run = Run("smollm2", "rtl", "ft", 3, "rtl-mini", 1.0, 2)
    assert str(run.variant) == "smollm2/rtl/ft/seed3"
    assert str(run.path) == "smollm2/rtl/ft/seed3/rtl-mini/T1/trial2.parquet"
    assert Results("out").samples(run) == f"out/samples/{run.path}"
    assert Results("out").verdicts(run) == f"out/verdicts/{run.path}"


def test_no_two_outputs_share_a_path(paper: Graph) -> None:
    results, config = paper.results, paper.config
    targets = [ALL, *config.targets]
    variants = {variant for name in targets for variant in config.variants(config.target(name))}
    runs = {run for name in targets for run in paper.runs(name)}
    reference = config.memorization.reference or ""
    selections = {
        (v.model, v.dataset, s.by, s.keep_fraction) for v in variants if (s := config.methods[v.method].selection)
    }
    paths = [
        *map(results.model, config.models),
        *map(results.examples, config.datasets),
        *map(results.decontaminated, config.datasets),
        *map(results.training_examples, config.datasets),
        *map(results.held_out_examples, config.datasets),
        *map(results.problems, config.benchmarks),
        *(results.contamination(*pair) for pair in config.evaluations()),
        *map(results.memorization, [*variants, *(Variant(model, reference, "base", 0) for model in config.models)]),
        *(results.gradients(*pair) for pair in config.pairs()),
        *(results.gradient_imbalance(*pair, name) for pair in config.pairs() for name in ("deciles", "correlations")),
        *(results.selection(*selection) for selection in selections),
        *map(results.adapter, variants),
        *{results.prepared_adapter(v.model, v.method) for v in variants},
        *map(results.training_log, variants),
        *map(results.held_out, variants),
        *map(results.geometry, variants),
        *map(results.samples, runs),
        *map(results.verdicts, runs),
        *(results.metrics(name, table) for name in targets for table in ("pass_counts", "metrics", "comparisons")),
        *dict.fromkeys(chain.from_iterable(map(paper.shown, targets))),  # a figure of a pair is that of every target
    ]
    paths = [path for path in paths if path not in {results.metrics(ALL, name) for name in ("metrics", "comparisons")}]
    assert len(paths) > 2000
    assert [path for path, count in Counter(paths).items() if count > 1] == []
    folders = {path.rpartition("/")[0] for path in paths}
    assert not folders & set(paths)

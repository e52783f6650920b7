# Tables and figures by name: those of the paper (table1, fig4, ...) and those of the configuration's section `targets`.
# Each is made from the part of the run that it shows, and asks for no other.

PAIR_FIGURES = ["memorization", "gradient_imbalance", "training_curves", "geometry"]


def several_temperatures(target):
    return len({draw["temperature"] for draw in draws(target)}) > 1


# What a figure cannot do without, and what to write into the configuration to have it.
NEEDS = {
    "temperature": (several_temperatures, "several `sampling.temperatures`"),
    "removal_ratio": (
        removal_is_swept,
        "a method whose `selection.keep` is a list, among the methods of a track",
    ),
    "sensitivity": (
        bottleneck_is_swept,
        "an IB-FT method with a list for alpha, beta, layer or bottleneck, among the methods of a track",
    ),
}


def figure_files(name, target, figure):
    """The files of one figure: one pair of PNG and SVG of the target, or one for each model and dataset."""
    if figure not in PAIR_FIGURES:
        stems = [f"targets/{name}/{figure}"]
    else:
        stems = [
            f"figures/{model}/{dataset}/{figure}"
            for model, dataset in CONFIG.pairs(target)
            if pair_figure_inputs(figure, model, dataset)
        ]
    return [f"{RESULTS}/{stem}.{kind}" for stem in stems for kind in ("png", "svg")]


def shown_by(name):
    """Every file of a named target.

    Raises:
        WorkflowError: the configuration lacks what the target shows; the sentence says what.
    """
    target = CONFIG.targets[name]
    if not list(draws(target)):
        raise WorkflowError(
            f"Target {name} shows nothing: targets.{name} keeps no variant of any track."
        )
    files = []
    if target.table:
        files += [f"{RESULTS}/targets/{name}/headline.{kind}" for kind in ("md", "tex")]
    for figure in target.figures:
        satisfied, needed = NEEDS.get(figure, (None, None))
        if satisfied and not satisfied(target):
            raise WorkflowError(
                f"Target {name} draws {figure}, for which this configuration lacks {needed}."
            )
        found = figure_files(name, target, figure)
        if not found:
            raise WorkflowError(
                f"Target {name} draws {figure}, of which this configuration has none."
            )
        files += found
    return files


def target_of(wildcards):
    return CONFIG.targets[wildcards.target]


use rule metrics as target_metrics with:
    input:
        pass_counts=lambda wildcards: draw_paths("pass_counts", target_of(wildcards)),
    output:
        pass_counts=f"{RESULTS}/targets/{{target}}/pass_counts.parquet",
        metrics=f"{RESULTS}/targets/{{target}}/metrics.parquet",
        comparisons=f"{RESULTS}/targets/{{target}}/comparisons.parquet",
    log:
        f"{RESULTS}/logs/targets/{{target}}/metrics.log",
    benchmark:
        f"{RESULTS}/benchmarks/targets/{{target}}/metrics.tsv"
    message:
        "Compute Pass@k and Pass@k^(m) of {wildcards.target}"


use rule tables as target_table with:
    input:
        metrics=rules.target_metrics.output.metrics,
    output:
        parquet=f"{RESULTS}/targets/{{target}}/headline.parquet",
        csv=f"{RESULTS}/targets/{{target}}/headline.csv",
        markdown=f"{RESULTS}/targets/{{target}}/headline.md",
        latex=f"{RESULTS}/targets/{{target}}/headline.tex",
    log:
        f"{RESULTS}/logs/targets/{{target}}/table.log",
    benchmark:
        f"{RESULTS}/benchmarks/targets/{{target}}/table.tsv"
    message:
        "Write {wildcards.target}"


use rule run_figure as target_figure with:
    input:
        tables=lambda wildcards: list(run_figure_inputs(wildcards).values()),
        verdicts=lambda wildcards: (
            draw_paths("verdicts", target_of(wildcards))
            if wildcards.figure == "status_composition"
            else []
        ),
    output:
        png=f"{RESULTS}/targets/{{target}}/{{figure}}.png",
        svg=f"{RESULTS}/targets/{{target}}/{{figure}}.svg",
    log:
        f"{RESULTS}/logs/targets/{{target}}/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/targets/{{target}}/{{figure}}.tsv"
    message:
        "Draw {wildcards.figure} of {wildcards.target}"


for name in CONFIG.targets:

    rule:
        name:
            name
        input:
            lambda wildcards, name=name: shown_by(name),
        localrule: True
        message:
            f"Done: {name}, in {RESULTS}/targets/{name} and {RESULTS}/figures"

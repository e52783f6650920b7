# What a named target shows: its files, and what the configuration must have for them.

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
        files += [
            f"{RESULTS}/targets/{name}/{table}.{kind}"
            for table in ("headline", *filled_layouts(target))
            for kind in ("md", "tex")
        ]
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

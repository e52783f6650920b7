# What a named target shows: its files, and what the configuration must have for them.


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
        need = CATALOGUE[figure].needs
        if not is_satisfied(need, target):
            raise WorkflowError(
                f"Target {name} draws {figure}, for which this configuration lacks {need.remedy}."
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

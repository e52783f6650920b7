# Which tables each job reads, where that takes more than a path with wildcards.

RUN_FIGURES = [name for name, entry in CATALOGUE.items() if entry.shows == "run"]
PAIR_FIGURES = [name for name in CATALOGUE if name not in RUN_FIGURES]


def shard_paths(folder, shards):
    """The table of each of so many jobs that share a dataset."""
    return [
        f"{folder}/{SHARD}.parquet".replace("{shard}", str(shard)).replace(
            "{shards}", str(shards)
        )
        for shard in range(shards)
    ]


def contamination_paths(dataset):
    """The overlap of a dataset with each benchmark that it is evaluated on; none for the reference dataset."""
    return [
        f"{RESULTS}/contamination/{own}/{benchmark}.parquet"
        for own, benchmark in CONFIG.evaluations()
        if own == dataset
    ]


def contamination_of(wildcards):
    return contamination_paths(wildcards.dataset)


def examples_path(dataset):
    """What a dataset's examples are scored, selected and trained from: all, or those that overlap with no benchmark."""
    drop = CONFIG.contamination.drop and contamination_paths(dataset)
    return f"{RESULTS}/{'decontaminated' if drop else 'examples'}/{dataset}.parquet"


def examples_of(wildcards):
    return examples_path(wildcards.dataset)


def report_examples():
    return {dataset: examples_path(dataset) for dataset in DATASETS}


def report_contamination():
    return {
        f"{dataset}/{benchmark}": f"{RESULTS}/contamination/{dataset}/{benchmark}.parquet"
        for dataset, benchmark in CONFIG.evaluations()
    }


def report_imbalance():
    """`model/dataset/table` of what relates gradient norms to memorization, where gradients are scored."""
    return {
        f"{model}/{track.dataset}/{table}": path
        for track in CONFIG.tracks.values()
        for model in track.models
        for table, path in pair_figure_inputs(
            "gradient_imbalance", model, track.dataset
        ).items()
    }


def scores_to_select_by(wildcards):
    """Min-K% Prob on the base model, gradient norms, or nothing for the random control."""
    return {
        "mink": f"{RESULTS}/memorization/{wildcards.model}/{wildcards.dataset}/base/seed0.parquet",
        "grand": f"{RESULTS}/gradients/{wildcards.model}/{wildcards.dataset}.parquet",
        "random": [],
    }[wildcards.by]


def scores_option(wildcards, input):
    return {
        "mink": f"--memorization {shlex.quote(str(input.get('scores')))} --k {CONFIG.memorization.k_selection}",
        "grand": f"--gradients {shlex.quote(str(input.get('scores')))}",
        "random": "",
    }[wildcards.by]


def selection_of(wildcards):
    """The table of kept examples; nothing for a method that trains on all."""
    selection = CONFIG.methods[wildcards.method].selection
    if selection is None:
        return []
    name = f"{selection.by}-keep{selection.keep:g}"
    return f"{RESULTS}/selection/{wildcards.model}/{wildcards.dataset}/{name}.parquet"


def kept_option(wildcards, input):
    return f"--kept {shlex.quote(input.kept)}" if input.get("kept") else ""


def adapters_of_model(model):
    """The manifest of every adapter on a base model."""
    own = [v for v in CONFIG.variants() if v.model == model]
    return [path for path in map(adapter_of, own) if path]


def problems_of_model(model):
    """The problems of every benchmark that a base model is evaluated on."""
    own = [t for t in CONFIG.tracks.values() if model in t.models]
    return sorted({problems_path(b) for track in own for b in track.benchmarks})


def problems_path(benchmark):
    return f"{RESULTS}/problems/{benchmark}.parquet"


def draws_of_model(model):
    """All draws of a base model, as JSON: a list of `ibft.sampling.job.TrackOrders`."""
    return json.dumps(
        [
            {
                "profile": CONFIG.sampling_profile_of(model, track.dataset),
                "sampling": CONFIG.sampling_of(model, track.dataset).decisive(
                    without=("profile", "jobs_per_model")
                ),
                "benchmarks": {b: problems_path(b) for b in track.benchmarks},
                "variants": {
                    VARIANT.format(**vars(v)): adapter_folder(v)
                    for v in CONFIG.variants()
                    if (v.model, v.dataset) == (model, track.dataset)
                },
            }
            for track in CONFIG.tracks.values()
            if model in track.models
        ]
    )


def complete_draw(draw):
    """What says that one trial of a draw is complete in one job's share.

    The name holds a digest of code and settings: after a change of them it is another file, which is missing. (Between
    jobs that Snakemake reruns for what changed in `params`, it would not look behind an `ancient` file.)
    """
    model, dataset = draw["model"], draw["dataset"]
    decisive = [
        code_of("draw.py"),
        CONFIG.sampling_profile_of(model, dataset),
        CONFIG.sampling_of(model, dataset).as_json(without=SAMPLING_OF_OTHER_JOBS),
        CONFIG.models[model].precision,
    ]
    digest = hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:12]
    return f"{RESULTS}/draws/{model}/{SHARD}/{DRAW.format(**draw)}.{digest}"


def complete_draws_of_model(model):
    return [complete_draw(draw) for draw in draws() if draw["model"] == model]


def complete_draws_of(wildcards):
    """What says that all trials of one set of samples are drawn, by every job; nothing where they are drawn alone."""
    jobs = CONFIG.sampling.jobs_per_model if is_drawn_together(wildcards) else 0
    return [
        complete_draw({**wildcards, "trial": trial})
        .replace("{shards}", str(jobs))
        .replace("{shard}", str(shard))
        for shard in range(jobs)
        for trial in range(CONFIG.sampling.trials)
    ]


def is_drawn_together(wildcards):
    """Whether few jobs draw these samples with all others of their model; not those of a named target alone."""
    return SHARED_ENGINE and any(
        VARIANT.format(**vars(v)) == VARIANT.format(**wildcards)
        for v in CONFIG.variants()
    )


def samplers_of(wildcards):
    """The scripts behind the tables of one draw: one that draws, or one that draws for all and one that collects."""
    return (
        ["draw.py", "collect_samples.py"]
        if is_drawn_together(wildcards)
        else ["sample.py"]
    )


def drawn_option(wildcards):
    """`--drawn FOLDER ...` for the script that collects; nothing for the one that draws."""
    if not is_drawn_together(wildcards):
        return ""
    jobs = CONFIG.sampling.jobs_per_model
    folder = f"{RESULTS}/draws/{wildcards.model}"
    return f"--drawn {shlex.join(f'{folder}/shard{shard}of{jobs}' for shard in range(jobs))}"


def run_figures():
    """Names of the figures that show all variants together."""
    return [name for name in RUN_FIGURES if is_satisfied(CATALOGUE[name].needs)]


def is_satisfied(need, target=None):
    """Whether the run, or a named target, fulfils the condition of a figure."""
    return need is None or CONDITIONS[need.condition](target)


def several_temperatures(target=None):
    """Whether a target shows several temperatures; of the run, whether some model on a dataset is sampled at several."""
    if target is not None:
        return len({draw["temperature"] for draw in draws(target)}) > 1
    return any(
        len(CONFIG.sampling_of(m, t.dataset).temperatures) > 1
        for t in CONFIG.tracks.values()
        for m in t.models
    )


def removal_is_swept(target=None):
    """Whether some model is fine-tuned on several shares of a dataset that were selected in the same way."""
    shares = {}
    for v in CONFIG.variants(target):
        selection = CONFIG.methods[v.method].selection
        if selection is not None:
            key = (v.model, v.dataset, selection.by)
            shares.setdefault(key, set()).add(selection.keep)
    return any(len(found) > 1 for found in shares.values())


def bottleneck_is_swept(target=None):
    """Whether some model is trained on a dataset by IB-FT with several settings of the paper's objective."""
    settings = {}
    for v in CONFIG.variants(target):
        if v.method in LABELS.bottlenecks:
            key = (v.model, v.dataset)
            settings.setdefault(key, set()).add(
                tuple(LABELS.bottlenecks[v.method].values())
            )
    return any(len(found) > 1 for found in settings.values())


CONDITIONS = {
    "several_temperatures": several_temperatures,
    "swept_selection": removal_is_swept,
    "swept_bottleneck": bottleneck_is_swept,
}


def swept_methods():
    return [name for name, method in CONFIG.methods.items() if method.sweep]


def pair_figures():
    """`model/dataset/figure` of the figures that show one model on one dataset."""
    for track in CONFIG.tracks.values():
        for model in track.models:
            pair = dict(model=model, dataset=track.dataset)
            for figure in PAIR_FIGURES:
                if pair_figure_inputs(figure, **pair):
                    yield f"{model}/{track.dataset}/{figure}"


def run_figure_inputs(wildcards):
    """KEY -> path of what a figure of the whole run, or of a named target, is drawn from."""
    target = wildcards.get("target")
    folder = f"{RESULTS}/targets/{target}" if target else f"{RESULTS}/metrics"
    tables = [name for name in CATALOGUE[wildcards.figure].inputs if name != "verdicts"]
    return {table: f"{folder}/{table}.parquet" for table in tables}


def needs_verdicts(wildcards):
    return "verdicts" in CATALOGUE[wildcards.figure].inputs


def settings_of_figure(wildcards):
    """The section of the configuration that a figure reads."""
    section = CATALOGUE[wildcards.figure].settings
    without = ("score_methods", "shards") if section == "memorization" else ()
    return getattr(CONFIG, section).as_json(without=without) if section else "{}"


def pair_figure_inputs(figure, model, dataset):
    """KEY -> path of what a figure of one model on one dataset is drawn from; nothing where it would be empty."""
    found = {}
    for name in CATALOGUE[figure].inputs:
        found |= pair_input(name, model, dataset)
    return found


def pair_input(name, model, dataset):
    """KEY -> path of one input of such figures."""
    variants = [
        v for v in CONFIG.variants() if (v.model, v.dataset) == (model, dataset)
    ]
    first_seed = {v.method: v.seed for v in reversed(variants)}
    trained = [v for v in variants if CONFIG.methods[v.method].kind != "base"]
    selections = [CONFIG.methods[v.method].selection for v in variants]
    if name == "scores":
        return dict(memorization_groups(model, dataset))
    if name in ("deciles", "correlations") and any(
        s and s.by == "grand" for s in selections
    ):
        folder = f"{RESULTS}/gradient_imbalance/{model}/{dataset}"
        return {name: f"{folder}/{name}.parquet"}
    if name == "logs":
        return {
            f"{v.method}/seed{v.seed}": f"{RESULTS}/training/{v.model}/{v.dataset}/{v.method}/seed{v.seed}/training_log.parquet"
            for v in trained
        }
    if name == "pairs":
        return {
            method: f"{RESULTS}/geometry/{model}/{dataset}/{method}/seed{seed}.parquet"
            for method, seed in first_seed.items()
            if method in CONFIG.measured_methods
        }
    return {}


def memorization_groups(model, dataset):
    """(group, path) of the paper's p0, p1 and p2: data on the base model, on the tuned model, and the reference."""
    track = CONFIG.track_of(model, dataset)
    scored = [method for method in track.methods if method in CONFIG.scored_methods]
    yield "p0", f"{RESULTS}/memorization/{model}/{dataset}/base/seed0.parquet"
    for method in scored:
        if CONFIG.methods[method].kind != "base":
            seed = CONFIG.training_of(model, dataset).seeds[0]
            yield "p1", f"{RESULTS}/memorization/{model}/{dataset}/{method}/seed{seed}.parquet"
            break
    yield "p2", f"{RESULTS}/memorization/{model}/{CONFIG.memorization.reference}/base/seed0.parquet"


def as_options(inputs):
    return " ".join(shlex.quote(f"{key}={path}") for key, path in inputs.items())


def report_memorization():
    return {
        f"{model}/{track.dataset}/{group}": path
        for track in CONFIG.tracks.values()
        for model in track.models
        for group, path in memorization_groups(model, track.dataset)
    }


def report_selections():
    found = {}
    for v in CONFIG.variants():
        path = selection_of(v)
        if path:
            found[f"{v.model}/{v.dataset}/{v.method}"] = path
    return found


def report_figures():
    """FIGURE or FIGURE/MODEL/DATASET -> SVG, in the order of the report."""
    figures = {name: f"{RESULTS}/figures/{name}.svg" for name in run_figures()}
    for path in pair_figures():
        model, dataset, figure = path.split("/")
        figures[f"{figure}/{model}/{dataset}"] = f"{RESULTS}/figures/{path}.svg"
    return figures


def tables_by_name(folder, names):
    return {name: f"{RESULTS}/{folder}/{name}.parquet" for name in names}


BENCHMARKS = sorted(CONFIG.in_use("benchmarks"))
DATASETS = sorted(
    {track.dataset for track in CONFIG.tracks.values()}
    | ({CONFIG.memorization.reference} if CONFIG.tracks else set())
)


def figure_paths():
    names = [*run_figures(), *pair_figures()]
    return [
        f"{RESULTS}/figures/{name}.{kind}" for name in names for kind in ("png", "svg")
    ]

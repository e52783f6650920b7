# Every figure as PNG and SVG: of the whole run, and of one model on one dataset.

METRIC_FIGURES = ["pass_at_k", "strict_pass", "strict_pass_curve", "overall"]
COUNT_FIGURES = ["pass_heatmap", "status_composition"]


def run_figures():
    """Names of the figures that show all variants together."""
    several = any(
        len(CONFIG.sampling_of(m, t.dataset).temperatures) > 1
        for t in CONFIG.tracks.values()
        for m in t.models
    )
    return METRIC_FIGURES + (["temperature"] if several else []) + COUNT_FIGURES


def pair_figures():
    """`model/dataset/figure` of the figures that show one model on one dataset."""
    for track in CONFIG.tracks.values():
        for model in track.models:
            pair = dict(model=model, dataset=track.dataset)
            for figure in (
                "memorization",
                "gradient_imbalance",
                "training_curves",
                "geometry",
            ):
                if pair_figure_inputs(figure, **pair):
                    yield f"{model}/{track.dataset}/{figure}"


def run_figure_inputs(wildcards):
    """KEY -> path of what a figure of the whole run is drawn from."""
    if wildcards.figure in COUNT_FIGURES:
        return {"pass_counts": rules.metrics.output.pass_counts}
    return {"metrics": rules.metrics.output.metrics}


def pair_figure_inputs(figure, model, dataset):
    """KEY -> path of what a figure of one model on one dataset is drawn from; nothing where it would be empty."""
    track = CONFIG.track_of(model, dataset)
    variants = [
        v for v in CONFIG.variants() if (v.model, v.dataset) == (model, dataset)
    ]
    first_seed = {v.method: v.seed for v in reversed(variants)}
    trained = [v for v in variants if CONFIG.methods[v.method].kind != "base"]
    selections = [CONFIG.methods[v.method].selection for v in variants]
    if figure == "memorization":
        return {name: path for name, path in memorization_groups(model, dataset)}
    if figure == "gradient_imbalance" and any(
        s and s.by == "grand" for s in selections
    ):
        return {
            "gradients": f"{RESULTS}/gradients/{model}/{dataset}.parquet",
            "memorization": f"{RESULTS}/memorization/{model}/{dataset}/base/seed0.parquet",
        }
    if figure == "training_curves":
        return {
            f"{v.method}/seed{v.seed}": f"{RESULTS}/training/{v.model}/{v.dataset}/{v.method}/seed{v.seed}/training_log.parquet"
            for v in trained
        }
    if figure == "geometry":
        return {
            method: f"{RESULTS}/geometry/{model}/{dataset}/{method}/seed{seed}.parquet"
            for method, seed in first_seed.items()
            if method in CONFIG.geometry.methods
        }
    return {}


def memorization_groups(model, dataset):
    """(group, path) of the paper's p0, p1 and p2: data on the base model, on the tuned model, and the reference."""
    track = CONFIG.track_of(model, dataset)
    scored = [
        method
        for method in track.methods
        if method in CONFIG.memorization.score_methods
    ]
    yield "p0", f"{RESULTS}/memorization/{model}/{dataset}/base/seed0.parquet"
    for method in scored:
        if CONFIG.methods[method].kind != "base":
            seed = CONFIG.training_of(model, dataset).seeds[0]
            yield "p1", f"{RESULTS}/memorization/{model}/{dataset}/{method}/seed{seed}.parquet"
            break
    yield "p2", f"{RESULTS}/memorization/{model}/{CONFIG.memorization.reference}/base/seed0.parquet"


def as_options(inputs):
    return " ".join(shlex.quote(f"{key}={path}") for key, path in inputs.items())


rule run_figure:
    input:
        tables=lambda wildcards: list(run_figure_inputs(wildcards).values()),
        verdicts=lambda wildcards: (
            verdict_paths() if wildcards.figure == "status_composition" else []
        ),
    output:
        png=f"{RESULTS}/figures/{{figure}}.png",
        svg=f"{RESULTS}/figures/{{figure}}.svg",
    log:
        f"{RESULTS}/logs/figures/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/{{figure}}.tsv"
    wildcard_constraints:
        figure="[a-z_]+",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_of("draw_figures.py"),
        inputs=lambda wildcards: as_options(run_figure_inputs(wildcards)),
        verdicts=lambda wildcards: (
            f"verdicts={RESULTS}/verdicts"
            if wildcards.figure == "status_composition"
            else ""
        ),
        labels=LABELS,
        settings=as_json(CONFIG.metrics),
    message:
        "Draw {wildcards.figure}"
    shell:
        "python {SCRIPTS:q}/draw_figures.py --figure {wildcards.figure} --input {params.inputs} {params.verdicts:q}"
        " --settings {params.settings:q} --labels {params.labels:q}"
        " --output-png {output.png:q} --output-svg {output.svg:q} --log {log:q}"


rule pair_figure:
    input:
        tables=lambda wildcards: list(pair_figure_inputs(**wildcards).values()),
    output:
        png=f"{RESULTS}/figures/{{model}}/{{dataset}}/{{figure}}.png",
        svg=f"{RESULTS}/figures/{{model}}/{{dataset}}/{{figure}}.svg",
    log:
        f"{RESULTS}/logs/figures/{{model}}/{{dataset}}/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/{{model}}/{{dataset}}/{{figure}}.tsv"
    wildcard_constraints:
        figure="[a-z_]+",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_of("draw_figures.py"),
        inputs=lambda wildcards: as_options(pair_figure_inputs(**wildcards)),
        labels=LABELS,
        settings=as_json(CONFIG.memorization, without=("score_methods",)),
        subject=lambda wildcards: f"{label_of(CONFIG.models, wildcards.model)}, {label_of(CONFIG.datasets, wildcards.dataset)}",
    message:
        "Draw {wildcards.figure} of {wildcards.dataset} on {wildcards.model}"
    shell:
        "python {SCRIPTS:q}/draw_figures.py --figure {wildcards.figure} --input {params.inputs}"
        " --settings {params.settings:q} --labels {params.labels:q} --subject {params.subject:q}"
        " --output-png {output.png:q} --output-svg {output.svg:q} --log {log:q}"

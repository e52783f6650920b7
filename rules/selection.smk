# Which examples a method is trained on: drop the most memorized, keep the highest gradient norms, or a random control.

from ibft.config import Selection


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


rule selection:
    input:
        examples=f"{RESULTS}/examples/{{dataset}}.parquet",
        scores=scores_to_select_by,
    output:
        kept=f"{RESULTS}/selection/{{model}}/{{dataset}}/{{by}}-keep{{keep}}.parquet",
    log:
        f"{RESULTS}/logs/selection/{{model}}/{{dataset}}/{{by}}-keep{{keep}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/selection/{{model}}/{{dataset}}/{{by}}-keep{{keep}}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        code=code_of("select_examples.py"),
        settings=lambda wildcards: Selection(
            by=wildcards.by, keep=wildcards.keep
        ).model_dump_json(),
        scores=scores_option,
        seed=CONFIG.seed,
    message:
        "Select examples of {wildcards.dataset} for {wildcards.model}: {wildcards.by}, keep {wildcards.keep}"
    shell:
        "python {SCRIPTS:q}/select_examples.py --examples {input.examples:q} {params.scores}"
        " --settings {params.settings:q} --seed {params.seed} --output {output.kept:q} --log {log:q}"

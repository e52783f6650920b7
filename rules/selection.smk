# Which examples a method is trained on: drop the most memorized, keep the highest gradient norms, or a random control.


rule selection:
    input:
        examples=examples_of,
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
        ).as_json(),
        scores=scores_option,
        seed=CONFIG.seed,
    message:
        "Select examples of {wildcards.dataset} for {wildcards.model}: {wildcards.by}, keep {wildcards.keep}"
    shell:
        'python "$IBFT_SCRIPTS/select_examples.py" --examples {input.examples:q} {params.scores}'
        " --settings {params.settings:q} --seed {params.seed} --output {output.kept:q} --log {log:q}"

# Every completion judged in the sandbox.


rule verdicts:
    input:
        problems=f"{RESULTS}/problems/{{benchmark}}.parquet",
        samples=f"{RESULTS}/samples/{DRAW}.parquet",
    output:
        verdicts=f"{RESULTS}/verdicts/{DRAW}.parquet",
    log:
        f"{RESULTS}/logs/verdicts/{DRAW}.log",
    benchmark:
        f"{RESULTS}/benchmarks/verdicts/{DRAW}.tsv"
    conda:
        "../envs/execute.yaml"
    threads: CONFIG.compute.execution_workers
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        code=code_of("execute.py"),
        settings=CONFIG.execution.as_json(),
        tests_key=f"{RESULTS}/.ibft/tests-key",
        as_is=lambda wildcards: "--as-is" if is_judged_as_it_is(wildcards) else "",
    message:
        "Judge {wildcards.benchmark} of {wildcards.model}/{wildcards.dataset}/{wildcards.method}, T = {wildcards.temperature}, trial {wildcards.trial}"
    shell:
        'python "$IBFT_SCRIPTS/execute.py" --problems {input.problems:q} --samples {input.samples:q}'
        " {params.as_is} --settings {params.settings:q} --workers {threads} --tests-key {params.tests_key:q} --output {output.verdicts:q} --log {log:q}"

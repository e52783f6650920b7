# Tables print a target: its headline, our numbers and the paper's, and the tables of the paper filled with ours.


rule write_tables:
    input:
        metrics="<results>/metrics/{target}/metrics.parquet",
    output:
        parquet="<results>/tables/{target}/headline.parquet",
        csv=report("<results>/tables/{target}/headline.csv", category="Tables"),
        markdown="<results>/tables/{target}/headline.md",
        latex="<results>/tables/{target}/headline.tex",
        paper_comparison="<results>/tables/{target}/paper_comparison.parquet",
        paper_comparison_texts=multiext(
            "<results>/tables/{target}/paper_comparison", ".csv", ".md"
        ),
    log:
        "<logs>/write_tables/{target}.log",
    benchmark:
        "<benchmarks>/write_tables/{target}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("write_tables.py"),
        job=lambda wildcards: GRAPH.write_tables().as_json(),
        folder=subpath(output.parquet, parent=True),
    shell:
        'python "$IBFT_SCRIPTS/write_tables.py" --job {params.job:q} --metrics {input.metrics:q}'
        " --output-dir {params.folder:q} --log {log:q}"


rule write_paper_table:
    input:
        metrics="<results>/metrics/{target}/metrics.parquet",
    output:
        markdown="<results>/tables/{target}/{layout}.md",
        latex="<results>/tables/{target}/{layout}.tex",
    log:
        "<logs>/write_paper_table/{target}/{layout}.log",
    benchmark:
        "<benchmarks>/write_paper_table/{target}/{layout}.tsv"
    wildcard_constraints:
        layout=one_of(LAYOUTS),
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("write_paper_table.py"),
        job=lambda wildcards: GRAPH.write_paper_table(wildcards.layout).as_json(),
    shell:
        'python "$IBFT_SCRIPTS/write_paper_table.py" --job {params.job:q} --metrics {input.metrics:q}'
        " --output-markdown {output.markdown:q} --output-latex {output.latex:q} --log {log:q}"

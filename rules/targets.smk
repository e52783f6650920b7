# Users ask for these by name: one stage of the run, or tables and figures of the paper (table1, fig4, ...) and of the
# configuration's section `targets`. Each is made from the part of the run that it shows, and asks for no other.


rule all_references:
    input:
        GRAPH.references(),
    localrule: True


rule all_memorization:
    input:
        list(GRAPH.report_inputs()["memorization"].values()),
    localrule: True


rule all_training:
    input:
        GRAPH.adapters(),
    localrule: True


rule all_samples:
    input:
        GRAPH.samples("all"),
    localrule: True


rule all_verdicts:
    input:
        GRAPH.verdicts("all"),
    localrule: True


rule all_synthesis:
    input:
        GRAPH.synthesis("all"),
    localrule: True


rule all_metrics:
    input:
        GRAPH.results.metrics("all", "metrics"),
    localrule: True


rule all_tables:
    input:
        GRAPH.tables("all"),
    localrule: True


rule all_figures:
    input:
        GRAPH.figure_files("all"),
    localrule: True


for name in CONFIG.targets:
    if workflow.dag_settings and name in workflow.dag_settings.targets:
        shown(name)  # told here, where Snakemake adds no traceback to it

    rule:
        name:
            name
        input:
            lambda wildcards, name=name: shown(name),
        localrule: True

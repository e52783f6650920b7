# Measure the memorization barrier, train past it, prove the gain.
#
#   snakemake --cores all                                       the embedded default, config/config.yaml
#   snakemake --cores all --configfile config/paper.yaml        the paper
#
# A config that has every required section stands alone; anything less is laid over config/config.yaml.

import re
from pathlib import Path

from snakemake.utils import min_version

from ibft.store.clock import date_back
from ibft.config.loading import is_complete
from ibft.runtime.locks import lock_notice, note_holder
from ibft.store.results_folder import mark

min_version("9.0")

if workflow.is_main_process and (notice := lock_notice(Path.cwd())):
    logger.warning(notice)

if not is_complete(workflow.config_settings.overwrite_config):

    configfile: f"{workflow.basedir}/config/config.yaml"


include: "rules/common.smk"
include: "rules/inputs.smk"
include: "rules/models.smk"
include: "rules/examples.smk"
include: "rules/problems.smk"
include: "rules/prefetch.smk"
include: "rules/contamination.smk"
include: "rules/memorization.smk"
include: "rules/selection.smk"
include: "rules/training.smk"
include: "rules/draws.smk"
include: "rules/samples.smk"
include: "rules/verdicts.smk"
include: "rules/metrics.smk"
include: "rules/geometry.smk"
include: "rules/figures.smk"
include: "rules/report.smk"
include: "rules/shown.smk"
include: "rules/targets.smk"


rule all:
    default_target: True
    input:
        report=rules.report.output.report,
        tables=rules.tables.output,
        paper_tables=[
            f"{RESULTS}/tables/{layout}.{kind}"
            for layout in filled_layouts()
            for kind in ("md", "tex")
        ],
        metrics=rules.metrics.output,
        figures=figure_paths(),
    localrule: True
    message:
        "Done"


rule all_memorization:
    input:
        list(report_memorization().values()),
    localrule: True
    message:
        "Min-K% Prob of every dataset, on every base model and on the fine-tuned models"


rule all_training:
    input:
        adapter_paths(),
    localrule: True
    message:
        "Every adapter"


rule all_samples:
    input:
        draw_paths("samples"),
    localrule: True
    message:
        "Every completion"


rule all_verdicts:
    input:
        draw_paths("verdicts"),
    localrule: True
    message:
        "Every verdict"


rule all_figures:
    input:
        figure_paths(),
    localrule: True
    message:
        "Every figure"


onstart:
    note_holder(Path.cwd())
    mark(Path(RESULTS))
    note_run()
    if ahead := date_back(Path(RESULTS)):
        logger.warning(
            f"{ahead} files in {RESULTS} were dated in the future, as by a clock that ran ahead: dated to now."
        )


onerror:
    if any(
        re.search("SIGKILL|exit status 137", Path(file).read_text()) for file in log
    ):
        logger.error(
            "A job was killed from outside, as systems do when memory is used up: free some, or run fewer jobs at once "
            "(--cores), and run the same command again; it continues from here."
        )


onsuccess:
    if Path(rules.tables.output.markdown).exists():
        print(
            f"\nHeadline ({rules.tables.output.markdown}):\n\n{Path(rules.tables.output.markdown).read_text()}"
        )
        print(f"Report: {Path(rules.report.output.report).resolve()}")

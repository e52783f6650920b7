# Measure the memorization barrier, train past it, prove the gain.
#
#   snakemake --cores all                                       the embedded default, config/config.yaml
#   snakemake --cores all --configfile config/paper.yaml        the paper
#
# A config file that has `tracks:` stands alone; one without is laid over config/config.yaml.

from snakemake.utils import min_version

min_version("9.0")

if "tracks" not in workflow.config_settings.overwrite_config:

    configfile: f"{workflow.basedir}/config/config.yaml"


include: "rules/common.smk"
include: "rules/inputs.smk"
include: "rules/models.smk"
include: "rules/examples.smk"
include: "rules/problems.smk"
include: "rules/memorization.smk"
include: "rules/selection.smk"
include: "rules/training.smk"
include: "rules/samples.smk"
include: "rules/verdicts.smk"
include: "rules/metrics.smk"
include: "rules/geometry.smk"
include: "rules/figures.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        report=rules.report.output.report,
        headline=rules.tables.output.markdown,
    localrule: True
    message:
        "Done: the report is {input.report}, the headline table {input.headline}"

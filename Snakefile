# Measure the memorization barrier, train past it, prove the gain.
#
#   snakemake --cores all                                       the embedded default, config/config.yaml
#   snakemake --cores all --configfile config/paper.yaml        the paper
#
# A config that has every required section stands alone; anything less is laid over config/config.yaml.

import os
import re
from pathlib import Path

from snakemake.utils import min_version

from ibft.store.clock import date_back
from ibft.config.loading import is_complete
from ibft.runtime.locks import lock_notice, note_holder
from ibft.store.manifests import read_manifest
from ibft.store.results_folder import mark
from ibft.visible import visible

min_version("9.0")

if workflow.is_main_process and (notice := lock_notice(Path.cwd())):
    logger.warning(notice)

if not is_complete(workflow.config_settings.overwrite_config):

    configfile: f"{workflow.basedir}/config/config.yaml"


# The image of envs/ibft.def, for --sdm apptainer. Without that option no job has to do with it, and none reruns for it.
container: os.environ.get("IBFT_CONTAINER", "ibft.sif")


include: "rules/common.smk"
include: "rules/prepare.smk"
include: "rules/contamination.smk"
include: "rules/held_out.smk"
include: "rules/memorization.smk"
include: "rules/audit.smk"
include: "rules/gradients.smk"
include: "rules/selection.smk"
include: "rules/training.smk"
include: "rules/sampling.smk"
include: "rules/barrier.smk"
include: "rules/execution.smk"
include: "rules/synthesis.smk"
include: "rules/metrics.smk"
include: "rules/geometry.smk"
include: "rules/figures.smk"
include: "rules/tables.smk"
include: "rules/report.smk"
include: "rules/targets.smk"


rule all:
    default_target: True
    input:
        shown("all"),
    localrule: True


onstart:
    check_keys()
    note_holder(Path.cwd())
    mark(Path(CONFIG.results))
    note_run()
    start_warm()
    if ahead := date_back(Path(CONFIG.results)):
        logger.warning(
            f"{ahead} files in {CONFIG.results} were dated in the future, as by a clock that ran ahead: dated to now."
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
    findings = Path(GRAPH.results.table("all", "findings.md"))
    if findings.exists():
        print(f"\nFindings ({findings}):\n\n{findings.read_text()}")
    headline = Path(GRAPH.results.table("all", "headline.md"))
    if headline.exists():
        print(f"\nHeadline ({headline}):\n\n{headline.read_text()}")
        print(f"Report: {Path(GRAPH.results.report).resolve()}")
    asked = {job.rule.name for job in workflow.dag.jobs}
    for page in map(Path, GRAPH.audits() if "audit" in asked else []):
        verdict, *reasons = map(visible, read_manifest(page)["answer"])
        print(f"\n{verdict}\n", *reasons, f"\nAudit: {page.resolve()}", sep="\n")

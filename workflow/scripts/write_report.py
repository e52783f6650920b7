"""Write the report of a run: one HTML file that opens from disk, without a network.

python workflow/scripts/write_report.py --metrics metrics.parquet --comparisons comparisons.parquet \\
    --pass-counts pass_counts.parquet --headline headline.parquet --job @job.json \\
    --figures pass_at_k=pass_at_k.svg memorization/smollm2/rtl=memorization.svg \\
    --samples results/samples --verdicts results/verdicts --problems rtl-mini=results/problems/rtl-mini.parquet \\
    --output report.html

The sample browser shows the runs that --pass-counts names; other tables in those folders are left alone.
"""

import argparse
from pathlib import Path

from ibft.config.config import Config
from ibft.config.jobs import WriteReport, job_parser
from ibft.figures.inputs import keyed_path
from ibft.labels import Labels
from ibft.report.build import Sources, build, told
from ibft.report.sentences import as_markdown
from ibft.report.tables import run_time_csv
from ibft.runtime.stage import run_stage
from ibft.store.files import write_bytes
from ibft.store.manifests import write_output

KEYED = {
    "problems": "BENCHMARK=PATH",
    "examples": "DATASET=PATH",
    "memorization": "MODEL/DATASET/GROUP=PATH (GROUP: p0, p1-seedS or p2)",
    "selection": "MODEL/DATASET/METHOD=PATH",
    "gradients": "MODEL/DATASET/TABLE=PATH (TABLE: deciles or correlations)",
    "logs": "MODEL/DATASET/METHOD/seedS=PATH",
    "held_out": "MODEL/DATASET/METHOD/seedS=PATH",
    "contamination": "DATASET/BENCHMARK=PATH",
    "barrier": "TABLE=PATH (TABLE: detection or estimands), where members are known",
    "figures": "FIGURE[/MODEL/DATASET]=PATH, PNG or SVG, in the order of the report",
}


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, WriteReport)
    arguments.add_argument("--metrics", type=Path, required=True, help="Parquet table `metrics`")
    arguments.add_argument("--comparisons", type=Path, required=True, help="Parquet table `comparisons`")
    arguments.add_argument("--pass-counts", type=Path, required=True, help="Parquet table `pass_counts` of all runs")
    arguments.add_argument("--headline", type=Path, required=True, help="Parquet table `headline`")
    arguments.add_argument("--paper-comparison", type=Path, help="Parquet table `paper_comparison`")
    arguments.add_argument("--samples", type=Path, required=True, help="folder with the samples of all runs")
    arguments.add_argument("--verdicts", type=Path, required=True, help="folder with the verdicts of all runs")
    arguments.add_argument("--synthesis", type=Path, help="folder with cells and area of all runs, where there are any")
    for name, keys in KEYED.items():
        arguments.add_argument(
            f"--{name.replace('_', '-')}",
            type=keyed_path,
            nargs="*",
            action="extend",
            default=[],
            metavar="KEY=PATH",
            help=keys,
        )
    arguments.add_argument("--benchmarks", type=Path, help="folder of Snakemake's benchmark files")
    arguments.add_argument("--run-times", type=Path, help="write their sums to this CSV, not into the page")
    arguments.add_argument("--findings", type=Path, help="also write the sentences that it opens with, as Markdown")
    arguments.add_argument("--output", type=Path, required=True)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    sources = Sources(
        metrics=arguments.metrics,
        comparisons=arguments.comparisons,
        pass_counts=arguments.pass_counts,
        headline=arguments.headline,
        samples=arguments.samples,
        verdicts=arguments.verdicts,
        synthesis=arguments.synthesis,
        paper_comparison=arguments.paper_comparison,
        benchmarks=None if arguments.run_times else arguments.benchmarks,
        **{name: dict(getattr(arguments, name)) for name in KEYED},
    )
    job: WriteReport = arguments.job
    config, labels = Config.model_validate(job.config), Labels.model_validate(job.labels)
    opening = told(sources, config, labels)
    write_output(arguments.output, build(sources, opening, config, labels).encode())
    if arguments.findings:
        write_output(arguments.findings, as_markdown(opening).encode())
    if arguments.run_times:
        write_bytes(arguments.run_times, run_time_csv(arguments.benchmarks).encode())


if __name__ == "__main__":
    run_stage(main, parser())

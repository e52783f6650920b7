"""Measure and break the memorization barrier in code-LLM fine-tuning.

The stages run in one direction and meet only in the Parquet tables of `ibft.store.schemas`:

    data -> memorization -> selection -> training -> sampling -> execution -> metrics -> figures -> report

Nothing here imports Snakemake; the workflow in `Snakefile` calls this library through `workflow/scripts/`.
"""

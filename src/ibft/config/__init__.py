"""The typed configuration: every key of config/*.yaml, what it means and which values are valid. A module per section.

`ibft.config.loading.load` merges nothing and guesses nothing: it checks a mapping (read by Snakemake or by `load_file`)
and either returns a `Config` or raises one `UserError` that names every wrong key with the values it accepts. Unknown
keys are errors. This package is no part of the digest of code (docs/adr/0015): its values are what jobs are told.

Names used throughout, in code, paths, tables and plots:

    model       where the weights come from
    dataset     fine-tuning examples
    benchmark   problems with tests
    method      how a model is fine-tuned before it is evaluated: base (not at all), FT, IB-FT, FT on a selection
    experiment       which models x one dataset x which methods x which benchmarks are run together
    samples     somebody's finished completions, shown as one more method of a model and dataset
    variant     one (model, dataset, method, training seed): one model to evaluate
"""

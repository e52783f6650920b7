"""`ibft plan`: what a configuration would run, what is there already, what it costs, and why something runs again.

jobs.py asks Snakemake for the jobs, estimate.py holds the cost model, schedule.py puts jobs beside and after each
other, reasons.py puts Snakemake's reasons into words, `ibft.commands.plan` prints.
"""

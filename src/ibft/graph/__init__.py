"""The graph of a configuration as data: which jobs there are, what each reads, and what each is told.

The rules ask here and hold only how a job runs. Read `files` first, then `jobs` and `shown`. A function that returns
paths returns none of them where a job does without that input, as a base model does without an adapter.
"""

from ibft.graph.shown import Graph

__all__ = ["Graph"]

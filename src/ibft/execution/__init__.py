"""Judge completions: run them where they can do no harm, and reach a verdict that they cannot forge.

Read in this order: `verdict` (what comes out), `assemble` (what is run), `judge` (the loop over samples),
`sandbox` (where it runs), `python.candidate`, `python.grader` and `verilog.protocol` (how a verdict is reached).
docs/sandbox.md tells why.
"""

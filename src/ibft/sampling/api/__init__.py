"""Sampling from a model behind an API that OpenAI's clients know: asks, answers, the wire, and the draws that are kept.

Nothing here imports torch. A draw is paid for and may never come again, so it is kept as it came, by what was asked:
whatever changes in the code afterwards, nobody asks for it a second time (docs/adr/0040).
"""

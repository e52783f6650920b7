"""Metrics turn verdicts into Pass@k and Pass@k^(m), with the uncertainty of each."""

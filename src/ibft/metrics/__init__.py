"""From verdicts to Pass@k and Pass@k^(m), with the uncertainty of each."""

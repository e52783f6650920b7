"""Gradient norms per example (GraNd, EL2N), and how they go together with memorization."""

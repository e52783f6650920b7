"""How much of an example a model already knows: Min-K% Prob, Min-K%++, GraNd, EL2N, and what their densities say."""

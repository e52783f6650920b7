"""Sampling n completions per problem, with draws that can be reproduced: two engines behind one interface."""

"""Prompt profiles: how an instruction becomes tokens, and how code is taken out of a completion.

A profile is named and versioned, because the prompt weighs more than the method in published numbers: its name stands
in every row of `samples`. The profile that a model was trained with is the one that it is sampled with.
"""

from ibft.profiles.catalogue import PROFILES, get_profile
from ibft.profiles.profile import Problem, Profile, Turn

__all__ = ["PROFILES", "Problem", "Profile", "Turn", "get_profile"]

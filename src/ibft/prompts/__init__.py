"""Prompt profiles: how an instruction or a problem becomes tokens, and where a completion stops.

A profile is named and versioned, because the prompt weighs more than the method in published numbers: its name stands
in every row of `samples`. The profile that a model was trained with is the one that it is sampled with.
"""

from ibft.prompts.catalogue import PROFILES, get_profile
from ibft.prompts.profile import Problem, Profile, Turn

__all__ = ["PROFILES", "Problem", "Profile", "Turn", "get_profile"]

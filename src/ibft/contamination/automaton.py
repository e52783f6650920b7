"""The suffix automaton of a sequence (Blumer et al. 1985): all its substrings, in linear time and space.

A state stands for the substrings that end at the same places of the sequence; they are suffixes of the longest of them.
Its link leads to the state of the next shorter suffix, which ends at further places as well. State 0 is the empty one.
"""

from collections.abc import Iterator, Sequence


class SuffixAutomaton:
    """Finds the substrings of `sequence`, whose elements are integers."""

    def __init__(self, sequence: Sequence[int]) -> None:
        self._steps: list[dict[int, int]] = []  # of each state: element -> state
        self._links: list[int] = []
        self._lengths: list[int] = []  # of the longest substring of each state
        self._first_ends: list[int] = []  # the place behind the first occurrence of each state's substrings
        whole = self._add_state({}, length=0, first_end=0)
        for element in sequence:
            whole = self._append(whole, element)

    def match_lengths(self, query: Sequence[int]) -> list[int]:
        """For each place of `query`: how long the longest substring of the sequence is that ends there.

        Linear in the length of `query`: where a match breaks off, its longest suffix that goes on is taken up.
        """
        steps, links, longest = self._steps, self._links, self._lengths
        lengths = []
        state = length = 0
        for element in query:
            following = steps[state].get(element)
            while following is None and state:
                state = links[state]
                length = longest[state]
                following = steps[state].get(element)
            if following is not None:
                state = following
                length += 1
            lengths.append(length)
        return lengths

    def first_end(self, substring: Sequence[int]) -> int:
        """Return the place behind the first occurrence of `substring`, which must be one of the sequence's."""
        state = 0
        for element in substring:
            state = self._steps[state][element]
        return self._first_ends[state]

    def _append(self, whole: int, element: int) -> int:
        """Append `element` to the sequence, which state `whole` stands for; returns the state of the longer one."""
        length = self._lengths[whole] + 1
        longer = self._add_state({}, length, first_end=length)
        for suffix in self._suffixes(whole):
            if element in self._steps[suffix]:
                self._links[longer] = self._state_after(suffix, element)
                break
            self._steps[suffix][element] = longer
        return longer

    def _state_after(self, suffix: int, element: int) -> int:
        """The state whose longest substring is that of `suffix`, followed by `element`: split off, if there is none."""
        following = self._steps[suffix][element]
        length = self._lengths[suffix] + 1
        if self._lengths[following] == length:
            return following
        split = self._add_state(dict(self._steps[following]), length, self._first_ends[following])
        self._links[split] = self._links[following]
        self._links[following] = split
        for shorter in self._suffixes(suffix):
            if self._steps[shorter].get(element) != following:
                break
            self._steps[shorter][element] = split
        return split

    def _suffixes(self, state: int) -> Iterator[int]:
        """`state` and what its links lead to, down to the empty state."""
        while state:
            yield state
            state = self._links[state]
        yield 0

    def _add_state(self, steps: dict[int, int], length: int, first_end: int) -> int:
        self._steps.append(steps)
        self._links.append(0)
        self._lengths.append(length)
        self._first_ends.append(first_end)
        return len(self._steps) - 1

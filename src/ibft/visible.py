"""Words of strangers on one line: characters that would act on a terminal or a page are spelled out instead.

Task ids, labels and details come from files that anybody wrote. A terminal obeys their escapes, a table breaks at their
line breaks, and marks for right-to-left text let them read as what they are not.
"""

import re

# First and last code point of each range: control characters, line separators, marks of direction and of width zero,
# halves of surrogate pairs, tags. U+200C and U+200D stay, which Persian, Hindi and emoji are written with.
UNSEEN = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x61C, 0x61C),
    (0x180E, 0x180E),
    (0x200B, 0x200B),
    (0x200E, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0xD800, 0xDFFF),
    (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB),
    (0xE0000, 0xE0FFF),
)
SPELLED = r"⟨U\+[0-9A-F]{4,6}⟩"  # the pattern of what is written in their place
LINES = "\n\t"  # what keeps its effect in a text of several lines

_UNSEEN = re.compile(f"[{''.join(f'{chr(first)}-{chr(last)}' for first, last in UNSEEN)}]")


def visible(text: str, keep: str = "") -> str:
    """`text` with U+202E, say, spelled as ⟨U+202E⟩; but for the characters of `keep`. In linear time."""
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else f"⟨U+{ord(found[0]):04X}⟩", text)

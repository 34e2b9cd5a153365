"""How a fault that people made is put: one place, so that every hint sounds the same."""

import difflib
from collections.abc import Collection

MOST_NAMES_SHOWN = 15
"""A hint that lists more choices than this is not read."""


def suggest(name: str, choices: Collection[str]) -> str:
    """A hint at what was probably meant: the nearest choice, else all of them where they are few, else nothing."""
    by_plain = {choice.casefold(): choice for choice in sorted(choices, reverse=True)}
    near = difflib.get_close_matches(name.casefold(), by_plain, n=1)
    if near:
        return f'Did you mean "{by_plain[near[0]]}"?'
    if choices and len(choices) <= MOST_NAMES_SHOWN:
        return f"There is: {', '.join(sorted(choices))}."
    return ""

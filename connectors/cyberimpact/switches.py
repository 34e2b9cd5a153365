"""The words for yes and no in the fields of every destination here: one rule, so that no field takes another's word."""

from typing import Any, Final

from syncengine.errors import Rejected

YES: Final = frozenset({"true", "yes", "1"})
NO: Final = frozenset({"false", "no", "0"})


def read_switch(name: str, value: Any) -> bool:
    """Whether it says yes; None and an empty text say no. Raises Rejected for any other word, without quoting it."""
    if isinstance(value, bool) or value is None:
        return bool(value)
    text = str(value).strip().lower() if isinstance(value, str | int) else "?"
    if text and text not in YES | NO:
        raise Rejected("Neither true nor false.", field=name, code="not_a_switch")
    return text in YES

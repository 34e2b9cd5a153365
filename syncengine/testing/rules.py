"""The rules by name: what each promises, and for which part of a connector it holds."""

from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from syncengine.testing.case import Case
    from syncengine.testing.stage import Power, Role

Subject = Literal["connection", "stream", "lookup", "destination", "Auditable", "Explaining"]
"""What a rule is about: those about a connection hold for every part, those about a power for whoever has it."""
Check = Callable[["Case"], Awaitable[None]]


class Rule(NamedTuple):
    """One thing that a connector must keep. `check` raises Broken where it doesn't."""

    name: str
    subject: Subject
    promise: str
    check: Check

    def __repr__(self) -> str:
        return self.name


RULES: dict[str, Rule] = {}
"""All rules in the order in which they were written; each module of rules adds its own."""


def rule(subject: Subject) -> Callable[[Check], Check]:
    """Add a rule. Its name is the function's, its promise the first paragraph of the docstring."""

    def add(check: Check) -> Check:
        name = check.__name__
        promise = " ".join((check.__doc__ or "").split("\n\n")[0].split())
        RULES[name] = Rule(name, subject, promise, check)
        return check

    return add


def rules_for(role: "Role", powers: "Collection[Power]" = ()) -> list[Rule]:
    """The rules that a stage with this role, and with these powers of its destination, has to pass."""
    return [each for each in RULES.values() if each.subject in {"connection", role, *powers}]

"""One change on its way: what of it has arrived, and how it ended."""

from dataclasses import dataclass, field

from syncengine.contracts import Change, Outcome, Part


@dataclass(eq=False, slots=True)
class Journey:
    """A change with its groups by number. `joins`, `leaves` and `exact` keep the references as the change has them.

    `carried`: fields and consent have arrived. `barred`: it may not be written to; whoever said so needs no outcome.
    """

    change: Change
    joins: dict[int, str] = field(default_factory=dict)
    leaves: dict[int, str] = field(default_factory=dict)
    exact: dict[int, str] | None = None
    carried: bool = False
    joined: set[int] = field(default_factory=set)
    ended: Outcome | None = None
    barred: bool = False

    @property
    def key(self) -> str:
        return self.change.key

    @property
    def adds(self) -> bool:
        """Whether anything is to be added; if not, there is only something to leave."""
        change = self.change
        return bool(change.fields or change.join or change.renew or change.create)

    @property
    def arrived(self) -> bool:
        """Whether all that was to be added is there."""
        return not self.adds or (self.carried and self.joins.keys() <= self.joined)

    @property
    def tidies(self) -> bool:
        """Whether it is to be taken out of groups once all that was to be added is there."""
        return bool(self.leaves) or self.exact is not None

    def part(self, groups: frozenset[int]) -> Part:
        """What a batch into these groups carries: the fields with the first one, the consent with every one."""
        return Part(
            key=self.key,
            fields={} if self.carried else dict(self.change.fields),
            join=tuple(self.joins[group] for group in sorted(groups)),
            consent=self.change.consent,
        )

    def arrive(self, groups: frozenset[int]) -> None:
        """Note that a request has had its effect."""
        self.carried = True
        self.joined |= groups

    def reject(self, code: str, message: str, field: str | None = None) -> None:
        self.ended = Outcome(self.key, "rejected", code, field, message)

    def retry(self, code: str, message: str) -> None:
        self.ended = Outcome(self.key, "retry", code, None, message)

    def doubt(self, code: str, message: str) -> None:
        self.ended = Outcome(self.key, "in_doubt", code, None, message)

    def suppress(self, reason: str) -> None:
        self.ended = Outcome(self.key, "suppressed", reason, None, f"Cyberimpact lists the address as {reason}.")

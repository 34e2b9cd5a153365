"""Stands at the provider's door and watches each request: may it leave? Notes what is broken, by promise."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from mappings.fold import group_identity
from syncengine.contracts import Part
from tests.clock import FakeClock
from tests.engine.world import TORONTO, Contact
from tests.promises.model import Model

FRESH = 60.0
"""Promise 4: how old the lists may be when something that adds leaves, in seconds."""


class Guard:
    """Knows what we were told, and so what we may do."""

    def __init__(self, clock: FakeClock, model: Model) -> None:
        self._clock = clock
        self._model = model
        self.broken: list[str] = []
        self.lists: frozenset[str] = frozenset()
        self.lists_at: float | None = None
        self.told: set[str] = set()
        """Who is recorded as having said no to the provider, and has not been seen subscribed again."""
        self.deleted: set[str] = set()
        """Who is recorded as deleted by hand, and was not let in again by a person."""
        self.attempted: dict[str, set[str]] = defaultdict(set)
        """Groups that we ever wrote down to join, by key."""
        self._subscribed: set[str] = set()
        self._attempts: dict[int, dict[str, Part]] = {}
        self._joined: dict[str, set[str]] = defaultdict(set)
        self._given: dict[str, dict[str, Any]] = defaultdict(dict)
        """What was confirmed, and so is never sent a second time: groups, and fields by name."""
        self._asked: set[str] = set()
        """Who may have been asked, and was not let be asked again by a person."""
        self._stopped: dict[str, str] = {}
        """Who was stopped, and how, as far as that was confirmed."""

    def addresses(self) -> set[str]:
        return self._model.addresses()

    # --- what we are told ---

    def read_lists(self, keys: frozenset[str]) -> None:
        """The lists were read to their end."""
        self.lists, self.lists_at = keys, self._clock.monotonic()

    def stands(self, key: str, state: str) -> None:
        """How an address stands, as the provider just said."""
        if state == "subscribed":
            self._subscribed.add(key)
        else:
            self._subscribed.discard(key)

    # --- what we write down ---

    def commit(self, name: str, args: Sequence[Any], result: Any) -> None:
        """A unit of work of the state was committed."""
        if name == "take_lists":
            self.told |= self.lists
        elif name == "suppress":
            self.told |= {suppression.key for suppression in args[1]}
        elif name == "lift":
            self._lift(args[1])
        elif name == "keep_findings":
            self.told |= {suppression.key for suppression in args[1]}
            self.deleted |= set(args[2])
        elif name == "repair":
            for key, fields in args[1].items():
                self._forget(key, fields)
        elif name == "allow" and result:
            self.begin_anew(args[1])
        elif name == "begin":
            self._begin(result[0], args[1])
        elif name == "settle":
            self._settle(args[1], args[2].confirmed)
            self._asked -= {key for key in args[2].refuted if self._attempts[args[1]][key].ask}
        elif name in {"lose", "drop_suppressed"} and args[1] in self._attempts:
            for part in self._attempts[args[1]].values():
                self._forget_fields(part)

    def _lift(self, keys: Collection[str]) -> None:
        """Only by the provider's own word."""
        for key in set(keys) - self._subscribed:
            self.break_("consent", f"{key} was lifted though the provider didn't say subscribed")
        self.told -= set(keys)

    def _begin(self, attempt: int, parts: Collection[Part]) -> None:
        self._attempts[attempt] = {part.key: part for part in parts}
        for part in parts:
            self.attempted[part.key] |= identities(part.join)
            self._joined[part.key] -= identities(part.leave)
            if part.exact is not None:
                self._joined[part.key] &= identities(part.exact)

    def _settle(self, attempt: int, confirmed: Collection[str]) -> None:
        for key in confirmed:
            part = self._attempts[attempt][key]
            if not part.ask:
                self._joined[key] |= identities(part.join)
            if part.stop == "delete":
                self._joined[key].clear()
                self._given[key].clear()
            if not part.ask:
                self._given[key] |= part.fields
            if part.stop:
                self._stopped[key] = part.stop

    def _forget_fields(self, part: Part) -> None:
        self._forget(part.key, part.fields)

    def _forget(self, key: str, fields: Collection[str]) -> None:
        for name in fields:
            self._given[key].pop(name, None)

    def begin_anew(self, key: str) -> None:
        """A person said that somebody who was deleted is to be there again."""
        self.deleted.discard(key)
        self._joined[key].clear()
        self._given[key].clear()
        self._asked.discard(key)
        self._stopped.pop(key, None)

    def let_ask(self, key: str) -> None:
        """A person said that a question of which nobody knows whether it was sent is sent again."""
        self._asked.discard(key)

    # --- what we do ---

    def request(self, part: Part, contact: Contact | None, unsubscribed: bool) -> None:
        """A request leaves."""
        if part.adds:
            self._check_no(part.key)
            self._check_newest(part)
            if part.ask:
                self._check_question(part)
            elif part.exact is None:
                self._check_consent(part, contact)
                self._check_once(part, contact)
        if part.exact is not None:
            self._check_replacement(part, contact)
        if part.stop:
            self._check_stop(part, contact, unsubscribed)
        self._check_leaving(part)

    def _check_question(self, part: Part) -> None:
        if part.key in self._asked:
            self.break_("one effect", f"{part.key} was asked for a second time")
        if not self._model.desired(part.key).ask:
            self.break_("consent", f"{part.key} was asked, and nothing asks for that")
        self._asked.add(part.key)

    def _check_replacement(self, part: Part, contact: Contact | None) -> None:
        desired, groups = self._model.desired(part.key), identities(part.exact or ())
        if not desired.exact or not groups <= identities(desired.groups):
            self.break_("newest wins", f"{part.key} was put into {groups} only, and nothing asks for that")
        if contact and (groups - contact.groups.keys()) & self._joined[part.key]:
            self.break_("one effect", f"{part.key} was put back into a group by a replacement")

    def _check_stop(self, part: Part, contact: Contact | None, unsubscribed: bool) -> None:
        if self._model.desired(part.key).stop != part.stop:
            self.break_("newest wins", f"{part.key} was stopped, and nothing asks for that")
        # who stands on a list looks as if they were there, so that they are erased once more
        over = part.stop == "unsubscribe" if unsubscribed else contact is None
        if over and self._stopped.get(part.key) in {part.stop, "delete"}:
            self.break_("one effect", f"{part.key} was stopped for a second time")

    def _check_no(self, key: str) -> None:
        age = None if self.lists_at is None else self._clock.monotonic() - self.lists_at
        if age is None or age > FRESH:
            self.break_("consent", f"{key} was added to by lists that are {age} s old")
        if key in self.lists or key in self.told:
            self.break_("consent", f"{key} was added to and has said no")
        if key in self.deleted:
            self.break_("consent", f"{key} was added to and is recorded as deleted by hand")
        if key in self._model.refused:
            self.break_("consent", f"{key} was added to and the shop says no")
        for other in self._model.other_addresses(key):
            if other in self.told | self.lists | self.deleted | self._model.refused:
                self.break_("consent", f"{key} was added to, but the same person said no as {other}")

    def _check_consent(self, part: Part, contact: Contact | None) -> None:
        today = self._clock.now().astimezone(TORONTO).date()
        ours, there = part.consent, contact.consent if contact else None
        if ours is None:
            self.break_("consent", f"{part.key} was added to without any consent")
            return
        if contact is None and ours.expired(today):
            self.break_("consent", f"{part.key} was created by a consent that has expired")
        if ours not in self._model.consents(part.key) and ours != there:
            self.break_("consent", f"{part.key} was given a consent that nobody gave")
        if there is not None and not there.express and not there.expired(today) and ours.date < there.date:
            self.break_("consent", f"the date of the consent of {part.key} went back")
        if there is not None and there.express and not ours.express:
            self.break_("consent", f"{part.key} lost an express consent")

    def _check_newest(self, part: Part) -> None:
        desired = self._model.desired(part.key)
        if not part.fields.items() <= desired.fields.items():
            self.break_("newest wins", f"{part.key} was given {part.fields}, not {desired.fields}")
        if not set(part.join) <= set(desired.groups):
            self.break_("newest wins", f"{part.key} joined {part.join}, asked for is {desired.groups}")

    def _check_once(self, part: Part, contact: Contact | None) -> None:
        if identities(part.join) & self._joined[part.key]:
            self.break_("one effect", f"{part.key} was put into a group for a second time")
        for name, value in part.fields.items():
            if self._given[part.key].get(name) == value:
                self.break_("one effect", f"{part.key} was given the same {name} for a second time")
            if contact is not None and name in self._model.desired(part.key).once:
                self.break_("one effect", f"{part.key} was there, and {name} is set only once")
        self._forget_fields(part)

    def _check_leaving(self, part: Part) -> None:
        leaving = identities(part.leave)
        if leaving - self.attempted[part.key] - identities(self._model.desired(part.key).leave):
            self.break_("one effect", f"{part.key} was taken out of a group that we never put it in")
        if leaving & identities(self._model.desired(part.key).groups):
            self.break_("newest wins", f"{part.key} was taken out of a group that is asked for")

    def break_(self, promise: str, what: str) -> None:
        self.broken.append(f"{promise}: {what}")


def identities(titles: Collection[str]) -> set[str]:
    return {group_identity(title) for title in titles}

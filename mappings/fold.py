"""What a target should be, as a pure function of the live drafts of its records.

The result does not depend on the order in which the drafts arrived. That one rule answers reversals, resyncs,
several mappings for one address and changed mappings, so nothing else in the project decides "which value wins".
"""

import datetime as dt
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal

import msgspec

Scalar = str | int | float | bool

Stop = Literal["", "unsubscribe", "delete"]
"""That somebody is to be written to no more: unsubscribed at the provider, or erased there. Empty: neither."""
STOPS: Final[tuple[Stop, ...]] = ("", "unsubscribe", "delete")
"""The weakest first."""

UNKNOWN_TERM_DAYS = 183
"""How long a consent of unknown term counts when two are compared: six months, the shortest implied term of CASL
(cyberimpact.md section 6). It only ranks; a consent of unknown term never counts as expired."""


class Consent(msgspec.Struct, frozen=True, omit_defaults=True):
    """On what basis somebody may be written to. One value: basis, date and proof are never mixed.

    `date` is a calendar day; `expires` is the first day on which the consent no longer stands, None where no end is
    known. `basis` is the destination's own word; it fills in `express` and `expires`, because it knows the word.
    """

    basis: str
    date: dt.date
    proof: str | None = None
    expires: dt.date | None = None
    express: bool = False

    def rank(self) -> tuple[bool, dt.date, dt.date]:
        """Orders consents: express before all, then the one that expires last, then the one given last."""
        until = self.expires or (self.date + dt.timedelta(days=UNKNOWN_TERM_DAYS))
        return (self.express, dt.date.min if self.express else until, self.date)

    def expired(self, today: dt.date) -> bool:
        """Whether the consent no longer stands on that day."""
        return self.expires is not None and self.expires <= today


class Draft(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a mapping makes of one record, validated by the destination. Each part folds in its own way.

    `key` names the target (an e-mail address). `fields`: the newest record's value stands. `groups`: all of them, as
    references (`bind_group`). `consent`: the best one. `leave`: groups to be out of, whoever put the target there; of a
    group that is in one draft's `groups` and in another's `leave`, the newest record decides. `exact`: of any draft,
    then the groups asked for are all that there may be. `stop`: the strongest, and nothing else is asked for then.
    `ask`: the provider is to ask the person first (double opt-in); it counts where no draft brings a consent.
    `renews`: the draft asks for nothing by itself; its consent counts where another draft brings one.
    """

    key: str
    fields: dict[str, Scalar] = {}
    groups: tuple[str, ...] = ()
    consent: Consent | None = None
    leave: tuple[str, ...] = ()
    exact: bool = False
    stop: Stop = ""
    ask: bool = False
    renews: bool = False


class LiveDraft(msgspec.Struct, frozen=True):
    """A draft with what decides its place among others: the moment of its record, and ties by the record's name.

    `once` names the fields that the mapping writes only when the target is created (`set_once`).
    """

    mapping: str
    record: str
    moment: dt.datetime
    draft: Draft
    once: frozenset[str] = frozenset()

    def order(self) -> tuple[dt.datetime, str, str]:
        return (self.moment, self.record, self.mapping)


class Desired(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a target should be: the fold of its live drafts. Without any draft it is empty: nothing is asked for.

    `fields`, `groups` and `leave` are in sorted order, so that equal values have equal encodings. With `stop` nothing
    else is asked for.
    """

    fields: dict[str, Scalar] = {}
    once: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    consent: Consent | None = None
    leave: tuple[str, ...] = ()
    exact: bool = False
    stop: Stop = ""
    ask: bool = False


BOUND: Final = "\x1f"
"""Stands between title and key of a bound group: a control character that no title may have."""


def bind_group(title: str, key: str) -> str:
    """A reference to the group that has this key, whatever its title is by now; `title` is for making it.

    Everywhere a group is named by a reference, and a plain title is one too.
    """
    return f"{title}{BOUND}{key}"


def group_title(reference: str) -> str:
    """The title in a reference, for people and for making the group."""
    return reference.partition(BOUND)[0]


def group_key(reference: str) -> str:
    """The key that a reference is bound to; empty where it is a plain title."""
    return reference.partition(BOUND)[2]


@lru_cache(maxsize=10_000)  # groups are few, and are compared at every step
def group_identity(reference: str) -> str:
    """By what two references name the same group: the key; else the title trimmed, Unicode NFC and case-folded."""
    title, bound, key = reference.partition(BOUND)
    return f"{bound}{key}" if bound else unicodedata.normalize("NFC", title.strip()).casefold()


def fold(drafts: Iterable[LiveDraft]) -> Desired:
    """Fold the live drafts of one key, of all mappings, in any order."""
    ordered = sorted(drafts, key=LiveDraft.order)
    standing = [live for live in ordered if not live.draft.renews]
    stop = max((live.draft.stop for live in standing), key=STOPS.index, default=STOPS[0])
    if stop:
        return Desired(stop=stop)
    fields: dict[str, Scalar] = {}
    once: dict[str, bool] = {}
    groups: dict[str, str] = {}
    leave: dict[str, str] = {}
    consent: Consent | None = None
    for live in standing:
        draft = live.draft
        for name, value in draft.fields.items():
            fields[name] = value
            once[name] = name in live.once
        for reference in draft.groups:
            identity = group_identity(reference)
            leave.pop(identity, None)
            # a bound group has its newest title; of a plain one the spelling that sorts first, for it can't matter
            groups[identity] = reference if group_key(reference) else min(reference, groups.get(identity, reference))
        for reference in draft.leave:
            groups.pop(group_identity(reference), None)
            leave[group_identity(reference)] = reference
        consent = better(consent, draft.consent)
    asked = consent is None and any(live.draft.ask for live in standing)
    if consent is not None:  # without one there is nothing to renew
        for live in ordered:
            consent = better(consent, live.draft.consent)
    return Desired(
        fields=dict(sorted(fields.items())),
        once=tuple(sorted(name for name, only in once.items() if only)),
        groups=tuple(sorted(groups.values())),
        consent=consent,
        leave=tuple(sorted(leave.values())),
        exact=any(live.draft.exact for live in standing),
        ask=asked,
    )


def renew(desired: Desired, consents: Iterable[Consent]) -> Desired:
    """The fold with some more drafts that only renew: what `fold` gives, without looking at the other drafts again."""
    consent = desired.consent
    if consent is None:
        return desired
    for each in consents:
        consent = better(consent, each)
    return msgspec.structs.replace(desired, consent=consent)


def better(one: Consent | None, other: Consent | None) -> Consent | None:
    """The consent that stands of two; equals are told apart by their text, so that the order of arrival never shows."""
    if one is None or other is None:
        return one or other
    if one.rank() != other.rank():
        return max(one, other, key=Consent.rank)
    return min(one, other, key=lambda consent: (consent.basis, consent.proof or "", consent.expires or dt.date.max))

"""What a target should be, as a pure function of the live drafts of its records.

The result does not depend on the order in which the drafts arrived. That one rule answers reversals, resyncs,
several mappings for one address and changed mappings, so nothing else in the project decides "which value wins".
"""

import datetime as dt
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import msgspec

Scalar = str | int | float | bool

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

    `key` names the target (an e-mail address). `fields`: the newest record's value stands. `groups`: all of them.
    `consent`: the best one.
    """

    key: str
    fields: dict[str, Scalar] = {}
    groups: tuple[str, ...] = ()
    consent: Consent | None = None


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

    `fields` and `groups` are in sorted order, so that equal values have equal encodings.
    """

    fields: dict[str, Scalar] = {}
    once: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    consent: Consent | None = None


@lru_cache(maxsize=10_000)  # titles are few, and are compared at every step
def group_identity(title: str) -> str:
    """By what two titles name the same group: trimmed, Unicode NFC, case-folded."""
    return unicodedata.normalize("NFC", title.strip()).casefold()


def fold(drafts: Iterable[LiveDraft]) -> Desired:
    """Fold the live drafts of one key, of all mappings, in any order."""
    ordered = sorted(drafts, key=LiveDraft.order)
    fields: dict[str, Scalar] = {}
    once: dict[str, bool] = {}
    groups: dict[str, str] = {}
    consent: Consent | None = None
    for live in ordered:
        for name, value in live.draft.fields.items():
            fields[name] = value
            once[name] = name in live.once
        for title in live.draft.groups:
            identity = group_identity(title)
            groups[identity] = min(title, groups.get(identity, title))
        consent = better(consent, live.draft.consent)
    return Desired(
        fields=dict(sorted(fields.items())),
        once=tuple(sorted(name for name, only in once.items() if only)),
        groups=tuple(sorted(groups.values())),
        consent=consent,
    )


def better(one: Consent | None, other: Consent | None) -> Consent | None:
    """The consent that stands of two; equals are told apart by their text, so that the order of arrival never shows."""
    if one is None or other is None:
        return one or other
    if one.rank() != other.rank():
        return max(one, other, key=Consent.rank)
    return min(one, other, key=lambda consent: (consent.basis, consent.proof or "", consent.expires or dt.date.max))

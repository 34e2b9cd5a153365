"""What has to be sent to one target: the difference between what it should be and what was delivered. Pure.

What was delivered once is not sent again: a later purchase renews consent and doesn't re-join a group that the person
left, or overwrite a name that somebody corrected. A membership that was there before us is not ours to take away.
"""

import datetime as dt
from typing import NamedTuple

from mappings.fold import Consent, Desired, better, group_identity
from syncengine.contracts import Change, Standing
from syncengine.state.targets import Target

SETTLED_MEMBERSHIP = frozenset({"ours", "before", "gone"})
"""Not asked for again: confirmed, there before us, or left by the person."""
NOTHING_DESIRED = Desired()
UNCONFIRMED = "unconfirmed"
"""Why a target waits that is to be taken out of a group, when so many are that a person has to say yes first."""
OUR_MEMBERSHIP = frozenset({"ours", "maybe"})
"""Taken away when its reason dies."""


class Verdict(NamedTuple):
    """What to do about one target: a change to send, or why nothing is sent.

    `withheld` says why what should be added is not (a suppression, `consent_expired`, `gone`); leaving groups is not
    withheld from anybody, but where too many would (`unconfirmed`: then all of a target waits).
    """

    change: Change | None
    withheld: str = ""


def difference(target: Target, standing: Standing | None, barred: str | None, today: dt.date) -> Verdict:
    """Decide for one target. `barred`: why it must not be written to; `today` is a day in `engine.timezone`."""
    desired, delivered = target.desired, target.delivered
    present = delivered.present or (standing is not None and standing.state == "subscribed")
    wanted = {group_identity(title): title for title in desired.groups}
    joins = frozenset(
        title
        for identity, title in wanted.items()
        if identity not in target.members or target.members[identity].state not in SETTLED_MEMBERSHIP
    )
    leaves = to_leave(target)
    once = set(desired.once) if present else set()
    fields = {
        name: value
        for name, value in desired.fields.items()
        if name not in once and delivered.fields.get(name) != value
    }
    express = delivered.express or (standing is not None and standing.express)
    there = better(delivered.consent, standing.consent if standing else None)
    known = (delivered.consent, standing.consent if standing else None)
    renew = not express and all(renews(desired.consent, each, today) for each in known)
    consent = desired.consent if renew else ((standing.consent if standing else None) or there or desired.consent)
    creates = not present and desired != NOTHING_DESIRED
    withheld = ""
    if fields or joins or renew or creates:
        withheld = barred or _no_ground(target, standing, consent, express, today)
    if withheld:
        fields, joins, renew, creates = {}, frozenset(), False, False
    if not (fields or joins or leaves or renew or creates):
        return Verdict(None, withheld)
    return Verdict(
        Change(
            key=target.key,
            revision=target.revision,
            create=creates,
            fields=fields,
            join=joins,
            leave=leaves,
            consent=consent,
            renew=renew,
        ),
        withheld,
    )


def to_leave(target: Target) -> frozenset[str]:
    """The groups in which the target is because of us, and that nothing asks for any more."""
    wanted = {group_identity(title) for title in target.desired.groups} if target.members else set()
    return frozenset(
        member.title
        for identity, member in target.members.items()
        if identity not in wanted and member.state in OUR_MEMBERSHIP
    )


def adds_something(target: Target) -> bool:
    """Whether the change may add, so that how the target stands has to be known first."""
    if not target.delivered.present and target.desired != NOTHING_DESIRED:
        return True  # it creates; the rule below says the same, for most targets of a first run, at ten times the cost
    verdict = difference(target, None, None, dt.date.min)
    change = verdict.change
    return change is not None and bool(change.fields or change.join or change.renew or change.create)


def renews(asked: Consent | None, there: Consent | None, today: dt.date) -> bool:
    """Whether the consent asked for is to be stated: it is better than the one there, and its date doesn't go back.

    The date of a consent that no longer stands protects nothing, so it may be replaced by any better one.
    """
    if asked is None:
        return False
    if there is None:
        return True
    return asked.rank() > there.rank() and (asked.date >= there.date or there.expired(today))


def _no_ground(
    target: Target, standing: Standing | None, consent: Consent | None, express: bool, today: dt.date
) -> str:
    """Why nothing may be added although nobody said no."""
    if standing is not None and standing.state == "absent" and target.delivered.present:
        return "gone"  # somebody deleted it: never added again without a word from a person
    if consent is not None and not express and consent.expired(today):
        return "consent_expired"
    return ""

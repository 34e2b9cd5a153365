"""What has to be sent to one target: the difference between what it should be and what was delivered. Pure.

What was delivered once is not sent again: a later purchase renews consent and doesn't re-join a group that the person
left, or overwrite a name that somebody corrected. A membership that was there before us is not ours to take away,
unless a record says that the person is to leave.
"""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from mappings.fold import STOPS, Consent, Desired, Scalar, group_identity
from syncengine.contracts import Change, Standing
from syncengine.state.delivered import identities
from syncengine.state.targets import Target

SETTLED_MEMBERSHIP = frozenset({"ours", "before", "gone"})
"""Not asked for again: confirmed, there before us, or left by the person."""
NOTHING_DESIRED = Desired()
UNCONFIRMED = "unconfirmed"
"""Why a target waits that is to be removed from something, when so many are that a person has to say yes first."""
UNANSWERED = "unanswered"
"""Why a target waits that was asked for its consent: what came up since is written once it has said yes."""
NO_CONSENT = "no_consent"
"""Why nothing is added to somebody who is there on no consent that is known, where the record brings none either."""
OUR_MEMBERSHIP = frozenset({"ours", "maybe"})
"""Taken away when its reason dies."""


class Verdict(NamedTuple):
    """What to do about one target: a change to send, or why nothing is sent.

    `withheld` says why what should be added is not (a suppression, `consent_expired`, `gone`, `unanswered`). Leaving
    groups and stops are not withheld from anybody, but where too many would (`unconfirmed`: all of a target waits).
    """

    change: Change | None
    withheld: str = ""


class _Addition(NamedTuple):
    """What would be added; all of it, or nothing."""

    fields: Mapping[str, Scalar] = {}
    join: frozenset[str] = frozenset()
    renew: bool = False
    create: bool = False
    exact: frozenset[str] | None = None

    def __bool__(self) -> bool:
        return bool(self.fields or self.join or self.renew or self.create or self.exact is not None)


def difference(target: Target, standing: Standing | None, barred: str | None, today: dt.date) -> Verdict:
    """Decide for one target. `barred`: why it must not be written to; `today` is a day in `engine.timezone`."""
    desired, delivered = target.desired, target.delivered
    if desired.stop:
        return Verdict(_stopping(target) if stop_needed(target, standing) else None)
    read = standing.consent if standing else None
    express = delivered.express or (standing is not None and standing.express)
    renew = not express and all(renews(desired.consent, each, today) for each in (delivered.consent, read))
    consent = desired.consent if renew else (read or delivered.consent or desired.consent)
    adding = _addition(target, standing, renew)
    withheld = ""
    if adding:
        withheld = barred or _no_ground(target, standing, consent, express, today)
    if adding.create and desired.ask and delivered.asked:
        withheld = withheld or UNANSWERED
    if withheld:
        adding = _Addition()
    leave = to_leave(target, standing) if adding.exact is None else frozenset[str]()  # a replacement leaves them too
    if not (adding or leave):
        return Verdict(None, withheld)
    return Verdict(
        Change(
            key=target.key,
            revision=target.revision,
            create=adding.create,
            fields=adding.fields,
            join=adding.join,
            leave=leave,
            consent=consent,
            renew=adding.renew,
            exact=adding.exact,
            ask=adding.create and desired.ask,
        ),
        withheld,
    )


def _stopping(target: Target) -> Change:
    none = frozenset[str]()
    return Change(target.key, target.revision, False, {}, none, none, None, False, stop=target.desired.stop)


def _addition(target: Target, standing: Standing | None, renew: bool) -> _Addition:
    """What is asked for and was not delivered."""
    desired, delivered = target.desired, target.delivered
    present = delivered.present or (standing is not None and standing.state == "subscribed")
    wanted = {group_identity(title): title for title in desired.groups}
    once = set(desired.once) if present else set()
    create = not present and desired != NOTHING_DESIRED
    return _Addition(
        fields={
            name: value
            for name, value in desired.fields.items()
            if name not in once and delivered.fields.get(name) != value
        },
        join=frozenset(
            title
            for identity, title in wanted.items()
            if identity not in target.members or target.members[identity].state not in SETTLED_MEMBERSHIP
        ),
        renew=renew,
        create=create,
        exact=_exact(target, wanted) if desired.exact and not (create and desired.ask) else None,
    )


def _exact(target: Target, wanted: Mapping[str, str]) -> frozenset[str] | None:
    """All groups that it may be in, where they weren't made so already. What somebody left stays left."""
    left = {identity for identity, member in target.members.items() if member.state == "gone"}
    allowed = frozenset(title for identity, title in wanted.items() if identity not in left)
    return None if identities(allowed) == target.delivered.exact else allowed


def stop_needed(target: Target, standing: Standing | None) -> bool:
    """Whether a stop is to be sent: whoever it is, and nothing else.

    One that took effect is sent again only where the provider shows that it is undone: `standing` is asked then.
    """
    stop, done = target.desired.stop, target.delivered.stopped
    if standing is None:
        return STOPS.index(stop) > STOPS.index(done)
    if stop == "unsubscribe":
        return standing.state in {"subscribed", "bounced"}
    return standing.state != "absent"


def stops_anew(target: Target) -> bool:
    """Whether a record stops somebody who was stopped like that before: then it has to be known how they stand."""
    desired, done = target.desired.stop, target.delivered.stopped
    return bool(desired) and STOPS.index(desired) <= STOPS.index(done)


def to_leave(target: Target, standing: Standing | None = None) -> frozenset[str]:
    """The groups in which the target is because of us and that nothing asks for any more, and those that a record wants
    it to be out of, unless `standing` shows that it is.
    """
    if target.desired.stop or not (target.members or target.desired.leave):
        return frozenset()
    wanted = {group_identity(title) for title in target.desired.groups}
    leaving = {group_identity(title): title for title in target.desired.leave}
    out = set(target.delivered.left)
    if standing is not None and standing.state in {"subscribed", "absent"}:
        out |= leaving.keys() - identities(standing.groups)
    leaving = {identity: title for identity, title in leaving.items() if identity not in out}
    leaving |= {
        identity: member.title
        for identity, member in target.members.items()
        if identity not in wanted and member.state in OUR_MEMBERSHIP
    }
    return frozenset(leaving.values())


def in_question(target: Target) -> frozenset[str]:
    """The groups of which it has to be known whether the target is in them before anything is sent."""
    leaving = to_leave(target)
    if not target.desired.exact:
        return leaving
    wanted = identities(target.desired.groups)  # a replacement would bring them back also to what was there before us
    return leaving.union(
        member.title
        for identity, member in target.members.items()
        if member.state == "ours" or (member.state == "before" and identity in wanted)
    )


def adds_something(target: Target) -> bool:
    """Whether the change may add, so that how the target stands has to be known first."""
    if target.desired.stop:
        return False
    if not target.delivered.present and target.desired != NOTHING_DESIRED:
        return True  # it creates; the rule below says the same, for most targets of a first run, at ten times the cost
    verdict = difference(target, None, None, dt.date.min)
    change = verdict.change
    return change is not None and bool(
        change.fields or change.join or change.renew or change.create or change.exact is not None
    )


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
    present = target.delivered.present or (standing is not None and standing.state == "subscribed")
    if present and target.desired.ask and consent is None and not express:
        return NO_CONSENT  # there is nothing to ask for, and nothing to go by
    return ""

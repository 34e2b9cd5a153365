"""Says the reasons in a language, as sentences for the person who asked: plain text and the page say the same."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from mappings.fold import group_title
from syncengine.cli.explaining.reasons import GroupReason, Reasons
from syncengine.cli.explaining.words import OTHER, WORDS, Language, Words
from syncengine.contracts import Mail
from syncengine.state.written import destination_of

__all__ = ["Letter", "write_letter"]

PRESENT = frozenset({"subscribed", "unsubscribed", "bounced"})
"""The states in which the provider has the address at all."""
REFUSING = PRESENT - {"subscribed"}
"""Those in which it says itself that the address must not be written to, and since when."""


class Letter(msgspec.Struct, frozen=True):
    """What to tell the person about one address: a title, and paragraphs of whole sentences."""

    language: Language
    address: str
    title: str
    paragraphs: tuple[str, ...]


class _Saying(NamedTuple):
    words: Words
    zone: ZoneInfo

    def day(self, moment: dt.datetime | dt.date) -> str:
        return self.words.day(self.date(moment) if isinstance(moment, dt.datetime) else moment)

    def date(self, moment: dt.datetime) -> dt.date:
        return moment.astimezone(self.zone).date()


def write_letter(
    reasons: Reasons, language: Language, zone: ZoneInfo, bases: Mapping[str, str], *, on_day: bool
) -> Letter:
    """The letter about one address. `bases`: what a consent's basis is called, in that language.

    `on_day`: the question was about the mail of a day, so that there was none is an answer.
    """
    saying = _Saying(WORDS[language], zone)
    received = [mail for mail in reasons.mails if mail.received]
    paragraphs = [
        *_mails(reasons, saying, on_day),
        " ".join(_tie(reasons, saying)),
        *(" ".join(_group(group, reasons, saying)) for group in reasons.groups),
        " ".join(_unknown_lists(reasons, received, saying)),
        " ".join(_consent(reasons, saying, bases)),
        _refusal(reasons, saying),
    ]
    title = saying.words.title if received else saying.words.title_without_mail
    return Letter(language, reasons.address, title, tuple(text for text in paragraphs if text))


def _mails(reasons: Reasons, saying: _Saying, on_day: bool) -> Iterator[str]:
    words = saying.words
    for mail in reasons.mails:
        if mail.sent_at is None:
            undated = words.sent_once if mail.received else words.not_gone_out
            yield undated.format(subject=mail.subject, address=reasons.address)
            continue
        sentence = words.sent if mail.received else words.not_sent
        yield sentence.format(subject=mail.subject, address=reasons.address, day=saying.day(mail.sent_at))
    if on_day and not reasons.mails and reasons.state is not None:
        yield words.nothing_sent.format(address=reasons.address, day=saying.day(reasons.day))


def _tie(reasons: Reasons, saying: _Saying) -> Iterator[str]:
    """Said where nothing of ours was delivered: that is the answer then."""
    words = saying.words
    if reasons.tie == "written":
        return
    yield (words.never_ours if reasons.tie == "never" else words.only_known).format(address=reasons.address)
    if reasons.moved:
        yield words.moved
    if reasons.state == "absent":
        yield words.absent
    elif reasons.state == "subscribed":
        since = reasons.since
        yield words.there_since.format(day=saying.day(since)) if since else words.there


def _group(group: GroupReason, reasons: Reasons, saying: _Saying) -> Iterator[str]:
    words = saying.words
    sent = [saying.date(mail.sent_at) for mail in reasons.mails if mail.received and mail.sent_at]
    yield (words.list_of_mail if sent else words.list_now).format(group=group.title)
    if group.how in {"ours", "gone"}:
        if group.since is None:
            yield words.added
        else:
            late = bool(sent) and saying.date(group.since) > min(sent)
            yield (words.added_after if late else words.added_on).format(day=saying.day(group.since))
    for source in group.sources:
        by_hand = destination_of(source.mapping) is not None  # the name of its record is a hash
        proof = source.proof or (words.by_hand if by_hand else source.record)
        yield words.because.format(day=saying.day(source.moment), proof=proof)
        if source.taken_back:
            yield words.taken_back.format(day=saying.day(source.taken_back))
    if group.how != "ours":
        yield words.how[group.how]


def _unknown_lists(reasons: Reasons, received: list[Mail], saying: _Saying) -> Iterator[str]:
    """Of mail that went to lists in which we don't find the address."""
    if not reasons.groups:
        quoted = saying.words.quoted
        titles = dict.fromkeys(quoted.format(title=group_title(title)) for mail in received for title in mail.groups)
        if titles:
            yield saying.words.lists_unknown.format(groups=", ".join(titles))


def _consent(reasons: Reasons, saying: _Saying, bases: Mapping[str, str]) -> Iterator[str]:
    words, day = saying.words, saying.day(reasons.day)
    if reasons.ground is not None:
        consent = reasons.ground.consent
        basis = bases.get(consent.basis, consent.basis)
        sentence = words.express if consent.express else words.implied
        yield sentence.format(day=day, date=saying.day(consent.date), basis=basis)
        if consent.expires and not consent.express:
            yield words.ends.format(day=saying.day(consent.expires))
        if consent.proof:
            yield words.proof.format(proof=consent.proof)
    elif reasons.tie == "written" or reasons.state in PRESENT or any(mail.received for mail in reasons.mails):
        yield words.no_consent.format(day=day)
        if reasons.ended is not None and reasons.ended.consent.expires:
            yield words.ended.format(day=saying.day(reasons.ended.consent.expires))


def _refusal(reasons: Reasons, saying: _Saying) -> str:
    words, code = saying.words, reasons.refused
    if not code:
        return ""
    dated = words.refused_on.get(code)
    if dated and reasons.state in REFUSING and reasons.refused_since:  # else we know only when we heard of it
        return dated.format(day=saying.day(reasons.refused_since))
    return words.refused.get(code, words.refused[OTHER])

"""Every sentence of the answer to *why did I get this mail*, in each language: one place, so that they stay the same.

They are said to the person who asks, so they name no system and nobody else. Names in braces are filled in.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["OTHER", "WORDS", "Language", "Words"]

OTHER = "other"
"""Under this name stands the sentence for a reason that has none of its own."""


class Language(StrEnum):
    """The languages of the answer, by the codes that a page states."""

    EN = "en"
    FR = "fr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language. A field that is a table has a sentence per code of the state."""

    day: Callable[[dt.date], str]
    title: str
    title_without_mail: str
    sent: str
    sent_once: str
    not_sent: str
    not_gone_out: str
    nothing_sent: str
    never_ours: str
    only_known: str
    moved: str
    absent: str
    there_since: str
    there: str
    list_of_mail: str
    quoted: str
    list_now: str
    lists_unknown: str
    added_on: str
    added_after: str
    added: str
    because: str
    by_hand: str
    taken_back: str
    how: Mapping[str, str]
    express: str
    implied: str
    ends: str
    proof: str
    no_consent: str
    ended: str
    refused_on: Mapping[str, str]
    refused: Mapping[str, str]


MONTHS_EN = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
MONTHS_FR = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip


def _day_en(day: dt.date) -> str:
    return f"{MONTHS_EN[day.month - 1]} {day.day}, {day.year}"


def _day_fr(day: dt.date) -> str:
    return f"{'1er' if day.day == 1 else day.day} {MONTHS_FR[day.month - 1]} {day.year}"


EN = Words(
    day=_day_en,
    title="Why you got this mail",
    title_without_mail="Why we write to you",
    sent='We sent "{subject}" to {address} on {day}.',
    sent_once='We sent "{subject}" to {address}; the day is not on record.',
    not_sent='"{subject}" of {day} was not sent to {address}.',
    not_gone_out='"{subject}" has not been sent to anybody yet.',
    nothing_sent="No mail of ours to {address} on {day} is on record.",
    never_ours="We never added {address} to our lists: no purchase and nothing else in our records concerns it.",
    only_known="We know {address} from our records, and have not added it to any list.",
    moved="Our records know the same person under another address.",
    absent="It is not in our mailing service today.",
    there_since="It has been in our mailing service since {day}; it came there by another way.",
    there="It is in our mailing service; it came there by another way.",
    list_of_mail='The mail went to our list "{group}".',
    quoted='"{title}"',
    list_now='Your address is connected with our list "{group}".',
    lists_unknown="The mail went to {groups}; that your address is or was in there is not on record.",
    added_on="We added your address to it on {day}.",
    added_after="We added your address to it only on {day}, after that mail; "
    "how it was in there before is not on record.",
    added="We added your address to it; the day is not on record.",
    because="The reason is in our records: {proof}, of {day}.",
    by_hand="an entry made by hand",
    taken_back="That was taken back on {day}.",
    how={
        "maybe": "We asked for your address to be added to it; that was never confirmed.",
        "before": "Your address was in it before we added anything.",
        "gone": "Your address has left it since, and we do not add it again.",
        "other": "Nothing in our records added your address to it.",
    },
    express="On {day} we had your express consent, given on {date}: {basis}.",
    implied="On {day} we had your implied consent, dated {date}: {basis}.",
    ends="It ends on {day}.",
    proof="What shows it: {proof}.",
    no_consent="No consent that stood on {day} is on record.",
    ended="The last one on record had ended on {day}.",
    refused_on={
        "unsubscribed": "You unsubscribed on {day}; we do not write to you any more.",
        "bounced": "Mail to your address has come back since {day}; we do not write to it any more.",
        "stopped": "Our records say that no mail is to go to you, and your address has been unsubscribed since {day}; "
        "we do not write to you any more.",
    },
    refused={
        "unsubscribed": "You have unsubscribed; we do not write to you any more.",
        "bounced": "Mail to your address comes back; we do not write to it any more.",
        "stopped": "Our records say that no mail is to go to you, and your address is unsubscribed; we do not write to "
        "you any more.",
        "refused": "Our records say that no mail is to go to you; we do not write to you any more.",
        "earlier_address": "You said no under an earlier address; we do not write to you any more.",
        "deleted": "Your address was deleted; we do not write to it any more.",
        "forgotten": "You asked to be forgotten; we do not write to you any more.",
        OTHER: "We do not write to your address any more.",
    },
)

FR = Words(
    day=_day_fr,
    title="Pourquoi vous avez reçu ce courriel",
    title_without_mail="Pourquoi nous vous écrivons",
    sent="Nous avons envoyé «\u00a0{subject}\u00a0» à {address} le {day}.",
    sent_once="Nous avons envoyé «\u00a0{subject}\u00a0» à {address}\u00a0; le jour n'est pas consigné.",
    not_sent="«\u00a0{subject}\u00a0» du {day} n'a pas été envoyé à {address}.",
    not_gone_out="«\u00a0{subject}\u00a0» n'a encore été envoyé à personne.",
    nothing_sent="Aucun courriel de notre part à {address} n'est consigné pour le {day}.",
    never_ours="Nous n'avons jamais ajouté {address} à nos listes\u00a0: aucun achat ni rien d'autre dans nos "
    "registres ne la concerne.",
    only_known="Nous connaissons {address} par nos registres, et ne l'avons ajoutée à aucune liste.",
    moved="Nos registres connaissent la même personne sous une autre adresse.",
    absent="Elle n'est pas dans notre service d'envoi aujourd'hui.",
    there_since="Elle est dans notre service d'envoi depuis le {day}; elle y est arrivée autrement.",
    there="Elle est dans notre service d'envoi; elle y est arrivée autrement.",
    list_of_mail="Le courriel est allé à notre liste «\u00a0{group}\u00a0».",
    quoted="«\u00a0{title}\u00a0»",
    list_now="Votre adresse est liée à notre liste «\u00a0{group}\u00a0».",
    lists_unknown="Le courriel est allé à {groups}; rien ne consigne que votre adresse y est ou y était.",
    added_on="Nous y avons ajouté votre adresse le {day}.",
    added_after="Nous n'y avons ajouté votre adresse que le {day}, après ce courriel; rien ne consigne comment elle y "
    "était avant.",
    added="Nous y avons ajouté votre adresse; le jour n'est pas consigné.",
    because="La raison figure dans nos registres\u00a0: {proof}, du {day}.",
    by_hand="une saisie faite à la main",
    taken_back="Cela a été annulé le {day}.",
    how={
        "maybe": "Nous avons demandé d'y ajouter votre adresse; cela n'a jamais été confirmé.",
        "before": "Votre adresse y était avant que nous ajoutions quoi que ce soit.",
        "gone": "Votre adresse l'a quittée depuis, et nous ne l'y ajoutons plus.",
        "other": "Rien dans nos registres n'y a ajouté votre adresse.",
    },
    express="Le {day}, nous avions votre consentement exprès, donné le {date}\u00a0: {basis}.",
    implied="Le {day}, nous avions votre consentement tacite, daté du {date}\u00a0: {basis}.",
    ends="Il prend fin le {day}.",
    proof="Ce qui l'atteste\u00a0: {proof}.",
    no_consent="Aucun consentement valable le {day} n'est consigné.",
    ended="Le dernier qui est consigné avait pris fin le {day}.",
    refused_on={
        "unsubscribed": "Votre désabonnement date du {day}; nous ne vous écrivons plus.",
        "bounced": "Les courriels à votre adresse nous reviennent depuis le {day}; nous n'y écrivons plus.",
        "stopped": "Nos registres indiquent qu'aucun courriel ne doit vous être envoyé, et votre adresse est "
        "désabonnée depuis le {day}; nous ne vous écrivons plus.",
    },
    refused={
        "unsubscribed": "Votre adresse est désabonnée; nous ne vous écrivons plus.",
        "bounced": "Les courriels à votre adresse nous reviennent; nous n'y écrivons plus.",
        "stopped": "Nos registres indiquent qu'aucun courriel ne doit vous être envoyé, et votre adresse est "
        "désabonnée; nous ne vous écrivons plus.",
        "refused": "Nos registres indiquent qu'aucun courriel ne doit vous être envoyé; nous ne vous écrivons plus.",
        "earlier_address": "Vous avez dit non sous une adresse précédente; nous ne vous écrivons plus.",
        "deleted": "Votre adresse a été supprimée; nous n'y écrivons plus.",
        "forgotten": "Vous avez demandé que vos données soient effacées; nous ne vous écrivons plus.",
        OTHER: "Nous n'écrivons plus à votre adresse.",
    },
)

WORDS: Mapping[Language, Words] = {Language.EN: EN, Language.FR: FR}

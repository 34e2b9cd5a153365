"""Finds the reasons for every address that a key means, with or without asking the providers."""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import typer

from syncengine.cli.explaining.asking import Question, hear, open_explaining
from syncengine.cli.explaining.reasons import Heard, Reasons, find_reasons
from syncengine.cli.explaining.story import There
from syncengine.clock import SystemClock

if TYPE_CHECKING:
    from syncengine.config import Settings
    from syncengine.state.reports import Explanation

__all__ = ["Answers", "find_answers"]


class Answers(NamedTuple):
    """The reasons of each address, what the providers told, and how each destination calls the bases of consent."""

    reasons: list[Reasons]
    there: list[There]
    bases: Mapping[str, Mapping[str, Mapping[str, str]]]

    @property
    def present(self) -> bool:
        """Whether any provider knows the address, or sent it something."""
        return any(told.dossier.state != "absent" for told in self.there) or any(
            mail.received for reasons in self.reasons for mail in reasons.mails
        )


async def find_answers(settings: "Settings", found: "Explanation", question: Question, *, asking: bool) -> Answers:
    """One answer for each address and destination that the key means.

    Raises BadParameter for a mailing that nobody knows, ConfigError, and the errors of the providers.
    """
    zone = settings.engine.timezone
    today = SystemClock().now().astimezone(zone).date()
    written = {target.destination for target in found.targets}
    destinations = _destinations(settings) | {mapping.spec.destination for mapping in settings.mappings.values()}
    reasons: list[Reasons] = []
    there: list[There] = []
    async with open_explaining(settings, destinations) as telling:
        if question.mailing is not None and not telling:
            raise typer.BadParameter("No destination of the mappings knows mailings.", param_hint="--mailing")
        pairs = _pairs(found, telling or written or destinations)
        for destination, address in pairs:
            heard = None
            if asking and destination in telling:
                heard = await hear(telling[destination], address, question, zone)
            if heard is not None:
                there.append(There(destination, address, heard.dossier))
            elif question.mailing is not None:
                continue  # not a mailing of this provider
            day = question.day or _day_sent(heard, zone) or today
            reasons.append(find_reasons(found, destination, address, day, zone, heard))
        bases = {name: destination.bases for name, destination in telling.items()}
    if question.mailing is not None and pairs and not reasons:
        message = f"There is no mailing {question.mailing}. syncengine read CONNECTION.mailings lists them."
        raise typer.BadParameter(message, param_hint="--mailing")
    return Answers(reasons, there, bases)


def _destinations(settings: "Settings") -> set[str]:
    """Those that anything was ever asked for."""
    from syncengine.cli.workplace import open_existing
    from syncengine.state.written import destinations

    with open_existing(settings) as store:
        return set(store.read_now(destinations)) if store else set()


def _pairs(found: "Explanation", destinations: Collection[str]) -> list[tuple[str, str]]:
    """Destination and address, each once: the address asked about, or those that the id leads to."""
    asked = found.asked.strip().lower()
    if "@" in asked:
        return [(destination, asked) for destination in sorted(destinations)]
    known = {(target.destination, target.key) for target in found.targets}
    known |= {(record.destination, record.key) for record in found.records if record.key}
    return sorted(pair for pair in known if pair[0] in destinations)


def _day_sent(heard: Heard | None, zone: ZoneInfo) -> dt.date | None:
    moments = [mail.sent_at for mail in heard.mails if mail.sent_at] if heard else []
    return moments[0].astimezone(zone).date() if moments else None

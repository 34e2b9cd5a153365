"""Asks the providers why an address got mail: only when a person says so, and only those that can tell."""

import datetime as dt
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from syncengine.cli.explaining.reasons import Heard

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from syncengine.config import Settings
    from syncengine.contracts import Explaining, Mail

__all__ = ["Question", "hear", "open_explaining"]


class Question(NamedTuple):
    """What a person wants to know: of one mailing, by its id, or of the mail of one day; None: of none."""

    mailing: str | None = None
    day: dt.date | None = None


@asynccontextmanager
async def open_explaining(settings: "Settings", names: Collection[str]) -> "AsyncIterator[Mapping[str, Explaining]]":
    """Those of these destinations ("connection.name") that can tell, with their connections open; nothing is asked.

    Raises ConfigError where a connection's settings are wrong.
    """
    from syncengine.binding import connect
    from syncengine.cli.workplace import open_existing
    from syncengine.cli.world import contexts
    from syncengine.contracts import Explaining

    found: dict[str, Explaining] = {}
    async with AsyncExitStack() as stack:
        store = stack.enter_context(open_existing(settings))
        context_for = contexts(settings, known_for=store.memory if store else None)
        for connection_name in sorted({name.partition(".")[0] for name in names} & settings.connections.keys()):
            connection = connect(settings.connections[connection_name], context_for(connection_name))
            telling = {
                name: destination
                for short, destination in connection.destinations.items()
                if (name := f"{connection_name}.{short}") in names and isinstance(destination, Explaining)
            }
            if telling:
                await stack.enter_async_context(connection)
                found |= telling
        yield found


async def hear(destination: "Explaining", address: str, question: Question, zone: "ZoneInfo") -> Heard | None:
    """What the provider tells of one address; None where it doesn't know the mailing.

    Raises AuthError, Transient, RateLimited and ProviderError.
    """
    if question.mailing is not None:
        mail = await destination.mail(question.mailing, address)
        return None if mail is None else Heard(await destination.dossier(address), [mail])
    dossier = await destination.dossier(address)
    mails: list[Mail] = []
    for mail in dossier.mails if question.day else ():
        if mail.sent_at is not None and mail.sent_at.astimezone(zone).date() == question.day:
            mails.append(await destination.mail(mail.id, address) or mail)
    return Heard(dossier, mails)

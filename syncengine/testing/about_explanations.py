"""The rules of explaining: what is told of a target is what is there, and what can't be read is not told as nothing."""

from syncengine.contracts import Connection, Dossier, Explaining
from syncengine.testing.about_audits import spoil_each
from syncengine.testing.about_destinations import FEW, keys_of
from syncengine.testing.case import Case
from syncengine.testing.delivering import Delivery
from syncengine.testing.rules import rule
from syncengine.testing.verdict import NotStaged, require

ODD_IDS = ("", " ", "0", "-1", "999999999", "9" * 40, "no such mailing", "a/b", "../members", "%2F", "²")
LANGUAGES = frozenset({"en", "fr"})


@rule("Explaining")
async def a_dossier_says_how_somebody_stands(case: Case) -> None:
    """A dossier says of everybody how they stand: subscribed, unsubscribed or bounced, with groups and consent."""
    stage = case.destinations
    there, out, back = (stage.key(number) for number in range(FEW))
    await Delivery(case, [there]).run()
    stage.suppress(out, "unsubscribed")
    stage.suppress(back, "bounced")
    async with case.connect() as connection:
        change = stage.change(case.destination(connection), there)
        destination = _explaining(case, connection)
        told = {key: await destination.dossier(key) for key in (there, out, back)}
        bases = destination.bases
    require(
        [told[key].state for key in (there, out, back)] == ["subscribed", "unsubscribed", "bounced"],
        "somebody stands otherwise than told",
    )
    require(told[there].groups.keys() == change.join, "the groups are not those that it is in")
    consent = told[there].consent
    require((consent and consent.basis) == (change.consent and change.consent.basis), "the consent isn't the one there")
    known = [bases.get(language, {}) for language in LANGUAGES]
    require(consent is None or all(words.get(consent.basis) for words in known), "the consent's basis has no words")
    require(not any(told[key].mails for key in told), "mails are told that nobody sent")


@rule("Explaining")
async def a_dossier_of_a_stranger_is_empty(case: Case) -> None:
    """A dossier of a key that is nowhere, or was deleted, says *absent*, and nothing else."""
    stage = case.destinations
    await Delivery(case, [stage.key(0), stage.key(1)]).run()
    stage.remove(stage.key(1))
    async with case.connect() as connection:
        for number in (1, 2):
            told = await _explaining(case, connection).dossier(stage.key(number))
            require(told == Dossier("absent"), "of a stranger something is told")


@rule("Explaining")
async def a_mail_says_whom_it_reached(case: Case) -> None:
    """A mailing is told with its time, and as received by whom it was sent to and by nobody else."""
    stage = case.destinations
    reader, other = keys_of(case, 2)
    await Delivery(case, [reader, other]).run()
    id = stage.send_mail(reader)
    async with case.connect() as connection:
        destination = _explaining(case, connection)
        read, unread = await destination.mail(id, reader), await destination.mail(id, other)
        received = [mail.id for mail in (await destination.dossier(reader)).mails]
        unreceived = [mail.id for mail in (await destination.dossier(other)).mails]
    require(read is not None and unread is not None, "a mailing that is there isn't told")
    require(read and read.id == id and read.received and read.sent_at, "it isn't told to whom it was sent, or when")
    require(unread and not unread.received, "somebody is told to have got a mailing of others")
    require((received, unreceived) == ([id], []), "the mails of a dossier are not those that it was sent")


@rule("Explaining")
async def a_mail_that_is_not_there_is_none(case: Case) -> None:
    """An id that no mailing has is no mailing, however odd it is: None, and no error."""
    stage = case.destinations
    await Delivery(case, [stage.key(0)]).run()
    async with case.connect() as connection:
        for id in ODD_IDS:
            require(await _explaining(case, connection).mail(id, stage.key(0)) is None, "an unknown id is a mailing")


@rule("Explaining")
async def what_can_not_be_read_is_not_told(case: Case) -> None:
    """A dossier or a mailing that can't be read whole raises one of our errors: a part of it is a wrong answer."""
    stage = case.destinations
    reader = stage.key(0)
    await Delivery(case, [reader]).run()
    id = stage.send_mail(reader)

    async def ask_dossier(connection: Connection) -> object:
        return await _explaining(case, connection).dossier(reader)

    async def ask_mail(connection: Connection) -> object:
        return await _explaining(case, connection).mail(id, reader)

    await spoil_each(case, ask_dossier, "a dossier is told of which a part is missing")
    await spoil_each(case, ask_mail, "a mailing is told of which a part is missing")


def _explaining(case: Case, connection: Connection) -> Explaining:
    destination = case.destination(connection)
    if not isinstance(destination, Explaining):
        raise NotStaged("the destination isn't Explaining")
    return destination

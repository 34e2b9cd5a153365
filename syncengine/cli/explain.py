"""`explain`: why is this address there, or not, and why did it get that mail? What is known about one key."""

import datetime as dt
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from syncengine.cli.command import DONE, FAILED, Session, command
from syncengine.cli.explaining.words import Language
from syncengine.cli.screen import print_json

if TYPE_CHECKING:
    from syncengine.cli.explaining.answering import Answers
    from syncengine.config import Settings
    from syncengine.state.rejects import Reject
    from syncengine.state.reports import Explanation

__all__ = ["register"]

NOT_STORED = "Records that the mapping's `where` filters are not stored; syncengine read shows them."
NO_ADDRESS_YET = (
    "A record that waits or was rejected has no address yet: ask by its id, or by a value that it was read with, such"
    " as the customer's or the order's id. syncengine rejects list shows the rejected ones."
)


def register(app: typer.Typer) -> None:
    command(app)(explain)


class _Known(NamedTuple):
    """What the state has of a key; `met` is false where that is nothing at all."""

    found: "Explanation"
    rejects: "list[Reject]"

    @property
    def met(self) -> bool:
        found = self.found
        return bool(found.targets or found.records or found.suppressed_only or self.rejects)


def explain(
    session: Session,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="An address, a record's id, or a customer's or order's id.")
    ],
    mailing: Annotated[
        str | None, typer.Option(metavar="ID", help="Why did they get this mailing? Asks the provider.")
    ] = None,
    on: Annotated[
        str | None, typer.Option(metavar="DATE", help="Why did they get mail on this day? Asks the provider.")
    ] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask the provider too what it knows.")] = False,
    lang: Annotated[
        Language | None, typer.Option(help="Answer as to the person who asked, in this language [default: en]")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write that answer as a page, to send or to print.")
    ] = None,
) -> int | Coroutine[Any, Any, int]:
    """Why is this address there, or not, and why did it get that mail?

    Shows the records that concern it, what they give, what was delivered, and every reason. Asks the state only, unless
    --mailing, --on or --ask is given. With --mailing, --on, --lang or --html it gives the answer to the person's
    question *why did I get this mail*, in sentences to be sent to them.
    """
    from syncengine.cli.explaining.asking import Question

    if not key.strip():
        raise typer.BadParameter("Give an address, or the id of a record, customer or order.", param_hint="KEY")
    settings = session.load()
    question = Question(mailing, _day(on, settings))
    known = _look(settings, key)
    if mailing is None and on is None and lang is None and html is None:
        if ask:
            return _tell_with_provider(session, settings, known)
        _tell(session, settings, known, None)
        return DONE if known.met else FAILED
    asking = ask or mailing is not None or on is not None
    return _answer(session, settings, known, question, asking, lang or Language.EN, html)


def _day(text: str | None, settings: "Settings") -> dt.date | None:
    from syncengine.clock import SystemClock

    if text is None:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter('Write a day, such as "2026-06-01".', param_hint="--on") from None
    if day > SystemClock().now().astimezone(settings.engine.timezone).date():
        raise typer.BadParameter("It must not be in the future.", param_hint="--on")
    return day


def _look(settings: "Settings", key: str) -> _Known:
    from syncengine.cli.workplace import open_existing
    from syncengine.state.rejects import rejects
    from syncengine.state.reports import Explanation
    from syncengine.state.reports import explain as find

    with open_existing(settings) as store:
        if store is None:
            return _Known(Explanation(key, [], [], [], []), [])
        found = store.read_now(find, key)
        every = store.read_now(rejects) + store.read_now(rejects, dismissed=True)
    return _Known(found, [reject for reject in every if _concerns(reject, found)])


def _concerns(reject: "Reject", found: "Explanation") -> bool:
    asked = found.asked.strip()
    if reject.key is not None and reject.key in {asked, asked.lower()}:
        return True
    if reject.record is not None:
        return any((record.mapping, record.id) == (reject.mapping, reject.record) for record in found.records)
    return any((target.destination, target.key) == (reject.destination, reject.key) for target in found.targets)


# --- the whole story ---


async def _tell_with_provider(session: Session, settings: "Settings", known: _Known) -> int:
    from syncengine.cli.explaining.answering import find_answers
    from syncengine.cli.explaining.asking import Question

    answers = await find_answers(settings, known.found, Question(), asking=True)
    _tell(session, settings, known, answers)
    return DONE if known.met or answers.present else FAILED


def _tell(session: Session, settings: "Settings", known: _Known, answers: "Answers | None") -> None:
    from syncengine.cli.explaining.story import tell_story

    there = answers.there if answers else []
    if session.json:
        print_json(_data(known) | ({"there": _plain(there)} if answers else {}))
        return
    asked = known.found.asked.strip()
    if not known.met:
        typer.echo(f'"{asked}" was never met: no record, no address and no suppression of that name is stored.')
    for line in tell_story(known.found, known.rejects, there, settings.engine.timezone):
        typer.echo(line)
    if not known.met:
        typer.echo(NOT_STORED)
        typer.echo(NO_ADDRESS_YET)
    if answers and not there:
        typer.echo("Nobody was asked: no destination of the mappings can tell more, or no address is known.")


# --- the answer to the person ---


async def _answer(
    session: Session,
    settings: "Settings",
    known: _Known,
    question: Any,
    asking: bool,
    language: Language,
    html: Path | None,
) -> int:
    from syncengine.cli.explaining.answering import find_answers
    from syncengine.cli.explaining.letter import write_letter
    from syncengine.cli.explaining.page import write_page

    answers = await find_answers(settings, known.found, question, asking=asking)
    letters = [
        write_letter(
            reasons,
            language,
            settings.engine.timezone,
            answers.bases.get(reasons.destination, {}).get(language, {}),
            on_day=question.day is not None,
        )
        for reasons in answers.reasons
    ]
    if html is not None and letters:
        write_page(html, letters)
    if session.json:
        written = str(html) if html is not None and letters else None
        told = {"reasons": _plain(answers.reasons), "letters": _plain(letters), "html": written}
        print_json(_data(known) | told)
    elif not letters:  # an id without an address: the records say why
        _tell(session, settings, known, None)
    elif html is not None:
        typer.echo(f"{html} is written. It holds personal data; only you can read it.")
    else:
        typer.echo("\n\n\n".join("\n\n".join((letter.title, *letter.paragraphs)) for letter in letters))
    return DONE if known.met or answers.present else FAILED


# --- for programs ---


def _data(known: _Known) -> dict[str, Any]:
    found = known.found
    return {
        "asked": found.asked,
        "targets": _plain(found.targets),
        "records": _plain(found.records),
        "suppressed_only": [{"destination": where, "reason": reason} for where, reason in found.suppressed_only],
        "moved": [{"destination": where, "address": address} for where, address in found.moved],
        "rejects": _plain(known.rejects),
    }


def _plain(values: Iterable[Any]) -> list[Any]:
    """Structs and named tuples as plain tables, with groups by their titles."""
    import msgspec

    plain: list[Any] = _titled(msgspec.to_builtins([_table(value) for value in values]))
    return plain


def _titled(value: Any) -> Any:
    """The same without the keys of groups, which hold a character that isn't for printing."""
    from mappings.fold import group_key, group_title

    if isinstance(value, dict):
        return {_titled(name): _titled(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_titled(inner) for inner in value]
    return group_title(value) or group_key(value) if isinstance(value, str) else value


def _table(value: Any) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _table(inner) for name, inner in value._asdict().items()}
    return [_table(inner) for inner in value] if isinstance(value, Sequence) and not isinstance(value, str) else value

"""The sentences of the answer: each language has all of them, and fills in the same."""

import dataclasses
import datetime as dt
from string import Formatter
from typing import Any

from syncengine.cli.explaining.words import WORDS, Language, Words
from syncengine.cli.phrases import REASONS


def sentences(words: Words) -> dict[str, str]:
    """All sentences by name; those of a table by name and code."""
    found: dict[str, str] = {}
    for field in dataclasses.fields(words):
        value: Any = getattr(words, field.name)
        if isinstance(value, str):
            found[field.name] = value
        elif isinstance(value, dict):
            found |= {f"{field.name} {code}": sentence for code, sentence in value.items()}
    return found


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def test_both_languages_say_the_same_things() -> None:
    english, french = (sentences(WORDS[language]) for language in (Language.EN, Language.FR))
    assert english.keys() == french.keys()
    assert {name: places(text) for name, text in english.items()} == {
        name: places(text) for name, text in french.items()
    }
    assert not [name for name, text in english.items() if text == french[name] and places(text) != {"title"}]


def test_every_reason_not_to_write_that_the_state_knows_has_a_sentence() -> None:
    suppressions = {"unsubscribed", "bounced", "refused", "deleted", "forgotten", "earlier_address"}
    assert {"stopped", *suppressions} <= WORDS[Language.EN].refused.keys()
    assert suppressions <= REASONS.keys()


def test_days_are_written_as_people_write_them() -> None:
    first, last = dt.date(2026, 2, 1), dt.date(2026, 12, 31)
    assert [WORDS[Language.EN].day(day) for day in (first, last)] == ["February 1, 2026", "December 31, 2026"]
    assert [WORDS[Language.FR].day(day) for day in (first, last)] == ["1er février 2026", "31 décembre 2026"]

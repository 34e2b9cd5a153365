"""Names in mappings are compared with what the connections really offer, without any network, all at once."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from connectors.cyberimpact.consent import RelationType
from connectors.cyberimpact.sandbox.tokens import mint
from syncengine.binding import Workspace, bind
from syncengine.cli.world import contexts
from syncengine.config import load_settings
from syncengine.errors import ConfigError, Problem
from tests.cli.desk_setup import CONFIG, ENVIRON, known_desk


@pytest.fixture(autouse=True)
def _desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from known_desk(monkeypatch)


def bound(folder: Path, text: str = CONFIG) -> Workspace:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    settings = load_settings(path, ENVIRON)
    return bind(settings, contexts(settings))


def faults(folder: Path, *changes: tuple[str, str]) -> tuple[Problem, ...]:
    text = CONFIG
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(ConfigError) as caught:
        bound(folder, text)
    return caught.value.problems


def test_a_mapping_has_everything_that_it_reads_asks_and_writes(tmp_path: Path) -> None:
    workspace = bound(tmp_path)
    mapping = workspace.mappings["letters"]
    assert mapping.stream is workspace.connections["desk"].streams["tickets"]
    assert mapping.destination is workspace.connections["desk"].destinations["letters"]
    assert (mapping.source_name, mapping.destination_name) == ("desk.tickets", "desk.letters")
    assert mapping.options.model_dump() == {"rooms": ["north", "south"], "loud": False}
    assert mapping.rule.reads == {"Status", "Customer", "Opened"}
    ((rule, lookup),) = mapping.lookups
    assert rule.alias == "person"
    assert lookup is workspace.connections["desk"].lookups["people"]


async def test_connections_are_open_inside_and_closed_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = bound(tmp_path)
    happened: list[str] = []
    kind = type(workspace.connections["desk"])

    async def enter(self: object) -> object:
        happened.append("open")
        return self

    async def leave(self: object, *_: object) -> None:
        happened.append("closed")

    monkeypatch.setattr(kind, "__aenter__", enter)
    monkeypatch.setattr(kind, "__aexit__", leave)
    async with workspace as entered:
        assert entered is workspace
        assert happened == ["open"]
    assert happened == ["open", "closed"]


@pytest.mark.parametrize(
    ("change", "key", "sentence", "hint"),
    [
        (("desk.tickets", "desk.tikets"), "source", 'has no stream "tikets"', 'Did you mean "tickets"?'),
        (("desk.letters", "desk.zzz"), "destination", 'has no destination "zzz"', "There is: letters."),
        (("desk.people", "desk.peple"), "lookup.0.from", 'has no lookup "peple"', 'Did you mean "people"?'),
        (
            ("\nwhere", "\noptions = { romms = [] }\nwhere"),
            "options.romms",
            "There is no such key.",
            'Did you mean "rooms"?',
        ),
        (("\nwhere", "\noptions = { loud = 'x' }\nwhere"), "options.loud", "This must be true or false.", ""),
        (("Status ==", "Stauts =="), "where", 'The record has no field "Stauts".', 'Did you mean "Status"?'),
        (
            ("\nemail =", "\nemial = 'x'\nemail ="),
            "fields.emial",
            'The destination has no field "emial".',
            'Did you mean "email"?',
        ),
        (("{{ person.name }}", "{{ upper(person.name }}"), "fields.name", "", ""),
        (
            ("{{ person.name }}", "{{ persn.name }}"),
            "fields.name",
            'No lookup is called "persn".',
            'Did you mean "person"?',
        ),
        (("{{ person.name }}", "{{ uper(person.name) }}"), "fields.name", "uper", 'Did you mean "upper"?'),
        (('email = "{{ person.email }}"\n', ""), "fields", 'The field "email" is missing.', "knows people by it"),
    ],
)
def test_a_wrong_name_has_its_key_and_a_guess(
    tmp_path: Path, change: tuple[str, str], key: str, sentence: str, hint: str
) -> None:
    (problem,) = faults(tmp_path, change)
    assert problem.key == f"mappings.letters.{key}"
    assert sentence in problem.message
    assert hint in problem.hint


def test_all_wrong_names_are_reported_at_once(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        ("desk.tickets", "desk.tikets"),
        ("desk.people", "desk.peple"),
        ("\nemail =", "\nemial = 'x'\nemail ="),
    )
    assert [problem.key for problem in found] == [
        "mappings.letters.source",
        "mappings.letters.lookup.0.from",
        "mappings.letters.fields.emial",
    ]


def test_what_a_connector_finds_wrong_with_its_settings_has_the_key_of_the_file(tmp_path: Path) -> None:
    (problem,) = faults(tmp_path, ('connector = "desk"\n', 'connector = "desk"\nmood = "strict"\n'))
    assert problem == Problem("connections.desk.token", "This is not the token of a desk.", "Copy it again.")


NEXT_YEAR = dt.datetime.now(dt.UTC) + dt.timedelta(days=365)
SHOP = """\
[connections.desk]
connector = "desk"
token = { env = "DESK_TOKEN" }

[connections.cyberimpact]
connector = "cyberimpact"
token = "TOKEN"

[mappings.news]
source = "desk.tickets"
destination = "cyberimpact.contacts"
fields.email = "{{ Customer }}"
fields.relationType = "active-clients"
fields.consentDate = "{{ Opened }}"
fields.consentProof = "Ticket {{ Id }}"
"""


def shop_faults(folder: Path, *changes: tuple[str, str]) -> dict[str, Problem]:
    text = SHOP.replace('"TOKEN"', f'"{mint(NEXT_YEAR)}"')
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    try:
        bound(folder, text)
    except ConfigError as error:
        return {problem.key: problem for problem in error.problems}
    return {}


def test_required_fields_and_constants_that_are_right_are_no_fault(tmp_path: Path) -> None:
    more = 'fields.consentProof = "Ticket {{ Id }}"\nfields.gender = ""\nfields.note = "x"\nfields.groups = "Buyers"\n'
    assert shop_faults(tmp_path, ('fields.consentProof = "Ticket {{ Id }}"\n', more)) == {}


@pytest.mark.parametrize("name", ["relationType", "consentDate", "consentProof"])
@pytest.mark.parametrize("instead", ["", 'fields.{} = ""\n'])
def test_a_required_field_that_is_left_out_is_a_fault(tmp_path: Path, name: str, instead: str) -> None:
    (line,) = [line for line in SHOP.splitlines(keepends=True) if line.startswith(f"fields.{name}")]
    found = shop_faults(tmp_path, (line, instead.format(name)))
    assert list(found) == [f"mappings.news.fields.{name}"]
    assert "requires" in found[f"mappings.news.fields.{name}"].message
    assert found[f"mappings.news.fields.{name}"].hint


def test_a_constant_that_the_destination_refuses_is_a_fault_with_the_words_allowed(tmp_path: Path) -> None:
    found = shop_faults(tmp_path, ("active-clients", "active-client"))
    assert list(found) == ["mappings.news.fields.relationType"]
    hint = found["mappings.news.fields.relationType"].hint
    assert all(word in hint for word in get_args(RelationType))


def test_a_constant_that_is_too_long_is_a_fault(tmp_path: Path) -> None:
    found = shop_faults(tmp_path, ("Ticket {{ Id }}", "x" * 256))
    assert "255" in found["mappings.news.fields.consentProof"].message


def test_what_renews_needs_a_destination_that_keeps_a_consent(tmp_path: Path) -> None:
    (problem,) = faults(tmp_path, ("\nwhere", "\nrenew = 'True'\nwhere"))
    assert problem.key == "mappings.letters.renew"
    assert "no consent" in problem.message


RENEWING = ("fields.email", "where = \"Status == 'new'\"\nrenew = \"Status == 'old'\"\nfields.email")


def test_what_renews_needs_every_field_of_the_consent(tmp_path: Path) -> None:
    assert shop_faults(tmp_path, RENEWING) == {}
    found = shop_faults(tmp_path, RENEWING, ('fields.consentDate = "{{ Opened }}"\n', ""))
    assert list(found) == ["mappings.news.fields.consentDate"]


@pytest.mark.parametrize(
    ("groups", "place", "message", "hint"),
    [
        ('[{ key = "{{ Id }}", title = "A {{ Id }}" }, "B"]', None, "", ""),
        ('["B", { key = "{{ Id }}", titel = "A" }]', "groups.1.titel", "no such key", 'Did you mean "title"?'),
        ('[{ key = "{{ Id }}" }]', "groups.0.title", "missing", "What to call it"),
        ('[{ key = "{{ Nothing }}", title = "A" }]', "groups.0.key", 'no field "Nothing"', ""),
        ('[{ key = ["a"], title = "A" }]', "groups", "It is a text, a table of texts", ""),
    ],
)
def test_a_table_in_a_list_is_compared_with_what_the_destination_takes(
    tmp_path: Path, groups: str, place: str | None, message: str, hint: str
) -> None:
    found = shop_faults(tmp_path, ("fields.email", f"fields.groups = {groups}\nfields.email"))
    assert ("titel" in groups) <= ("mappings.news.fields.groups.1.title" in found)
    if place is None:
        assert found == {}
    else:
        assert message in found[f"mappings.news.fields.{place}"].message
        assert hint in found[f"mappings.news.fields.{place}"].hint


def test_a_destination_that_takes_texts_takes_no_tables(tmp_path: Path) -> None:
    found = faults(tmp_path, ('groups = ["Writers"]', 'groups = ["a", { key = "b", title = "c" }]'))
    assert [problem.key for problem in found] == ["mappings.letters.fields.groups.1"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("every 15 minutes", "often", "mappings.letters.schedule"),
        ('schedule = "', 'start = "2026-13-01"\nschedule = "', "mappings.letters.start"),
        ("[connections.desk]", "[connections.x]\nconnector = 'nothing'\n[connections.desk]", "connections.x.connector"),
        ("America/Toronto", "Mars", "engine.timezone"),
    ],
)
def test_a_fault_of_form_hides_none_of_meaning(tmp_path: Path, old: str, new: str, key: str) -> None:
    found = faults(tmp_path, (old, new), ("Status ==", "Stauts =="), ('name = "{{', 'nmae = "{{'))
    assert {problem.key for problem in found} == {key, "mappings.letters.where", "mappings.letters.fields.nmae"}


def test_expressions_are_looked_at_even_where_the_destination_is_unknown(tmp_path: Path) -> None:
    found = faults(tmp_path, ('destination = "desk', 'destination = "post'), ("Status ==", "Stauts =="))
    assert [problem.key for problem in found] == ["mappings.letters.destination", "mappings.letters.where"]


def test_a_destination_that_the_settings_do_not_permit_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    text = """
[engine]
database = "sqlite:///syncengine.db"

[connections.impact]
connector = "impact"
account_sid = "IRmade-up"
auth_token = "made-up"

[connections.calls]
connector = "invoca"
network_id = "1"
subdomain = "example"
token = "made-up"
"""
    for number, destination in enumerate(("impact.action_inquiries", "impact.calls", "impact.calls", "calls.signals")):
        text += f"""
[mappings.m{number}]
source = "impact.action_inquiries"
destination = "{destination}"
[mappings.m{number}.fields]
Id = "{{{{ Id }}}}"
CallSessionId = "{{{{ Id }}}}"
"""
    with pytest.raises(ConfigError) as caught:
        bound(tmp_path, text)
    missing = [problem for problem in caught.value.problems if problem.key.startswith("connections.")]
    assert [problem.key for problem in missing] == [
        "connections.impact.allow_writes",
        "connections.impact.call_data",
        "connections.calls.allow_writes",
    ]
    assert all(problem.hint for problem in missing)

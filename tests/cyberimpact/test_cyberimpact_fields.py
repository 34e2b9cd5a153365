"""What a mapping made becomes a draft, or a rejection that names the field and never the value."""

import datetime as dt
from typing import Any

import phonenumbers
import pytest

from connectors.cyberimpact.consent import RELATION_TYPES, WireConsent, read_consent, stands_against, state_consent
from connectors.cyberimpact.contact_fields import ContactFields
from connectors.cyberimpact.countries import COUNTRIES
from connectors.cyberimpact.dates import EASTERN, add_months, parse_day, parse_moment
from connectors.cyberimpact.fields import Calendar, make_draft
from syncengine.contracts import Consent, Draft
from syncengine.errors import Rejected

CALENDAR = Calendar(EASTERN, dt.date(2026, 7, 14))
LEAST = {
    "email": "jo@example.com",
    "relationType": "active-clients",
    "consentDate": "2026-06-02",
    "consentProof": "action 1",
}


def draft(**fields: Any) -> Draft:
    return make_draft({**LEAST, **fields}, CALENDAR)


def test_a_whole_draft() -> None:
    made = draft(
        email="  Jo@Example.COM ",
        firstname=" Jo ",
        lastname="",
        company=None,
        language="FR_ca",
        country="ca",
        gender="F",
        birthdate="1991-03-08 00:00:00",
        postalCode="H2X 1Y4",
        groups=["Clients", " clients ", None, "Partner: Acme"],
        customFields={"Orders": 3, "VIP": True, "Empty": ""},
        consentDate="2026-06-02T23:30:00-07:00",
    )
    assert made == Draft(
        key="jo@example.com",
        fields={
            "firstname": "Jo",
            "postalCode": "H2X 1Y4",
            "gender": "f",
            "language": "fr_ca",
            "country": "CA",
            "birthdate": "1991-03-08",
            "customFields.Orders": "3",
            "customFields.VIP": "true",
        },
        groups=("Clients", "Partner: Acme"),
        consent=Consent("active-clients", dt.date(2026, 6, 3), "action 1", expires=dt.date(2028, 6, 3)),
    )


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("email", "secret-value@", "not_an_address"),
        ("email", "secret value@example.com", "not_an_address"),
        ("email", "Jo <secret-value@example.com>", "not_an_address"),
        ("email", None, "missing"),
        ("email", "  ", "missing"),
        ("firstname", "secret-value" * 22, "too_long"),
        ("firstname", ["secret-value"], "not_text"),
        ("note", "__EMPTY__", "reserved"),
        ("language", "secret-value", "unknown_language"),
        ("country", "secret-value", "unknown_country"),
        ("country", "ZZ", "unknown_country"),
        ("gender", "secret-value", "unknown_gender"),
        ("birthdate", "secret-value", "not_a_date"),
        ("birthdate", "2026-07-15", "in_future"),
        ("groups", ["ok", "secret-value" * 22], "too_long"),
        ("customFields", "secret-value", "not_a_table"),
        ("customFields.Orders", {"Orders": "secret-value" * 22}, "too_long"),
        ("relationType", "secret-value", "unknown_relation"),
        ("relationType", None, "missing"),
        ("consentDate", "2026-06-02 10:00:00", "not_a_date"),
        ("consentDate", "2026-07-15T04:00:01Z", "in_future"),
        ("consentDate", "", "missing"),
        ("consentProof", None, "missing"),
        ("consentProof", "secret-value" * 22, "too_long"),
        ("phone", "secret-value", "unknown_field"),
    ],
)
def test_what_cannot_go_through_is_rejected_by_field_and_code(field: str, value: Any, code: str) -> None:
    with pytest.raises(Rejected) as raised:
        draft(**{field.partition(".")[0]: value})
    assert (raised.value.field, raised.value.code) == (field, code)
    assert "secret" not in str(raised.value)
    assert raised.value.message[0].isupper()
    assert field.partition(".")[0] not in raised.value.message.split(), "the field is said beside it"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-06-02", dt.date(2026, 6, 2)),
        ("2026-06-02T00:00:00Z", dt.date(2026, 6, 1)),
        ("2026-06-01T23:30:00-0700", dt.date(2026, 6, 2)),
        ("2026-03-08T06:59:00+00:00", dt.date(2026, 3, 8)),
        ("2026-01-15T04:30:00Z", dt.date(2026, 1, 14)),
        ("2026-07-15T03:59:59Z", dt.date(2026, 7, 14)),
        ("2026-06-02 00:00:00", dt.date(2026, 6, 2)),
    ],
)
def test_a_calendar_day_is_the_day_in_the_engines_zone(text: str, day: dt.date) -> None:
    consent = draft(consentDate=text).consent
    assert consent is not None
    assert consent.date == day


@pytest.mark.parametrize(
    ("basis", "expires", "express"),
    [
        ("active-clients", dt.date(2028, 2, 28), False),
        ("information-request", dt.date(2026, 8, 28), False),
        ("association-members", None, False),
        ("web-contacts", None, False),
        ("express-consent", None, True),
        ("contest-participants", None, True),
    ],
)
def test_consent_ends_by_its_basis(basis: str, expires: dt.date | None, express: bool) -> None:
    day = dt.date(2026, 2, 28)
    assert state_consent(basis, day, None) == Consent(basis, day, None, expires, express)


def test_months_end_where_the_day_is_missing() -> None:
    assert add_months(dt.date(2024, 2, 29), 24) == dt.date(2026, 2, 28)
    assert add_months(dt.date(2026, 8, 31), 6) == dt.date(2027, 2, 28)
    assert add_months(dt.date(2026, 6, 15), 6) == dt.date(2026, 12, 15)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-03 10:15:00.000",
        "2026-02-03 10:15:00",
        "2026-02-03T10:15:00-0500",
        "2026-02-03T10:15:00-05:00",
        "2026-02-03T15:15:00Z",
        "2026-02-03T15:15:00.000+00:00",
    ],
)
def test_every_documented_form_of_a_date_is_read(text: str) -> None:
    assert parse_moment(text) == dt.datetime(2026, 2, 3, 15, 15, tzinfo=dt.UTC)
    assert parse_day(text) == dt.date(2026, 2, 3)


def test_what_is_no_date_is_none() -> None:
    assert [parse_moment(text) for text in (None, "", "soon")] == [None, None, None]


def test_a_summer_date_without_an_offset_is_summer_time() -> None:
    assert parse_moment("2026-07-03 10:15:00.000") == dt.datetime(2026, 7, 3, 14, 15, tzinfo=dt.UTC)


def test_consent_is_read_as_cyberimpact_keeps_it() -> None:
    wire = WireConsent("implied", "active-clients", "2026-01-20T00:00:00-0500", "2028-01-20T00:00:00-0500", "Order")
    assert read_consent(wire) == Consent("active-clients", dt.date(2026, 1, 20), "Order", dt.date(2028, 1, 20))
    assert read_consent(WireConsent("express", "crm", "2026-01-20 00:00:00.000")) == Consent(
        "crm", dt.date(2026, 1, 20), express=True
    )
    assert read_consent(WireConsent("implied", None, None)) is None


def test_what_stands_against_ours() -> None:
    ours = state_consent("active-clients", dt.date(2026, 6, 1), "x")
    assert stands_against(state_consent("active-clients", dt.date(2026, 6, 1), "y"), ours)
    assert not stands_against(state_consent("active-clients", dt.date(2026, 5, 31), "y"), ours)
    assert stands_against(state_consent("express-consent", dt.date(2001, 5, 31), "y"), ours)
    assert stands_against(Consent("their-own-word", dt.date(2020, 1, 1)), ours)
    assert not stands_against(state_consent("information-request", dt.date(2026, 6, 1), "y"), ours)
    assert not stands_against(None, ours)


def test_every_field_is_described_and_required_ones_have_no_default() -> None:
    assert all(field.description for field in ContactFields.model_fields.values())
    required = {name for name, field in ContactFields.model_fields.items() if field.is_required()}
    assert required == {"email"}  # and the consent, unless a field takes its place
    assert len(RELATION_TYPES) == 12


def test_countries_are_those_that_telephones_have() -> None:
    """An independent list; it has three that ISO doesn't."""
    assert set(phonenumbers.SUPPORTED_REGIONS) - COUNTRIES == {"AC", "TA", "XK"}
    assert len(COUNTRIES) == 249


@pytest.mark.parametrize(("fields", "stop"), [({"unsubscribe": "Yes"}, "unsubscribe"), ({"delete": True}, "delete")])
def test_who_is_stopped_is_stopped_whatever_else_the_record_says(fields: dict[str, Any], stop: str) -> None:
    """A "no" must not fail because something else of the record is wrong."""
    made = draft(**fields, country="nowhere", groups=["A"], consentDate="never")
    assert made == Draft("jo@example.com", stop=stop)  # type: ignore[arg-type]  # one of its words


def test_of_two_stops_the_stronger_one_counts() -> None:
    assert draft(unsubscribe="true", delete="1").stop == "delete"


@pytest.mark.parametrize("word", ["no", "False", "0", "", None, False])
def test_a_stop_that_says_no_stops_nobody(word: object) -> None:
    assert draft(unsubscribe=word, delete=word) == draft()


@pytest.mark.parametrize("name", ["unsubscribe", "delete", "replaceGroups", "optin"])
@pytest.mark.parametrize("word", ["on", "maybe", ["true"], 2])
def test_another_word_than_yes_or_no_is_refused(name: str, word: object) -> None:
    with pytest.raises(Rejected) as refused:
        draft(**{name: word})
    assert (refused.value.field, refused.value.code) == (name, "not_a_switch")


def test_groups_to_leave_and_to_be_in_alone() -> None:
    made = draft(groups=["A"], leaveGroups=[" B ", "b"], replaceGroups="true")
    assert (made.groups, made.leave, made.exact) == (("A",), ("B",), True)


def test_a_group_cannot_be_joined_and_left_by_one_record() -> None:
    with pytest.raises(Rejected) as refused:
        draft(groups=["A"], leaveGroups=["a"])
    assert (refused.value.field, refused.value.code) == ("leaveGroups", "contradiction")


def test_who_is_asked_needs_no_consent() -> None:
    made = make_draft({"email": "jo@example.com", "optin": "true", "groups": ["A"]}, CALENDAR)
    assert (made.ask, made.consent, made.groups) == (True, None, ("A",))


@pytest.mark.parametrize("name", ["relationType", "consentDate", "consentProof"])
def test_who_is_asked_states_no_consent(name: str) -> None:
    with pytest.raises(Rejected) as refused:
        make_draft({"email": "jo@example.com", "optin": "true", name: LEAST[name]}, CALENDAR)
    assert (refused.value.field, refused.value.code) == ("optin", "contradiction")


@pytest.mark.parametrize("name", ["relationType", "consentDate", "consentProof"])
def test_whoever_is_neither_stopped_nor_asked_needs_a_consent(name: str) -> None:
    with pytest.raises(Rejected) as refused:
        draft(**{name: None}, unsubscribe="no", optin="no")
    assert (refused.value.field, refused.value.code) == (name, "missing")

"""Why an address was written to on some day, from what the state has and what a provider told."""

import datetime as dt
from zoneinfo import ZoneInfo

import msgspec
import pytest

from mappings.fold import Consent, Desired, Draft
from syncengine.cli.explaining.letter import write_letter
from syncengine.cli.explaining.reasons import Heard, Reasons, find_reasons
from syncengine.cli.explaining.words import WORDS, Language
from syncengine.contracts import Dossier, Mail
from syncengine.state.delivered import Delivered
from syncengine.state.reports import AttemptNote, Explanation, MembershipNote, RecordNote, TargetNote

TORONTO = ZoneInfo("America/Toronto")
LETTERS, JO = "mail.contacts", "jo@example.com"
TERM = dt.timedelta(days=730)


def at(day: str, hour: int = 12) -> dt.datetime:
    return dt.datetime.combine(dt.date.fromisoformat(day), dt.time(hour), TORONTO)


def consent(day: str, proof: str | None, basis: str = "client", *, express: bool = False) -> Consent:
    date = dt.date.fromisoformat(day)
    return Consent(basis, date, proof, None if express else date + TERM, express)


def bought(
    id: str,
    day: str,
    *,
    read: str | None = None,
    groups: tuple[str, ...] = ("Customers",),
    taken_back: str | None = None,
    back: str | None = None,
    partition: str = "one",
    key: str = JO,
) -> RecordNote:
    """A purchase of that day, read on `read`; `taken_back` and perhaps `back` again on these days."""
    draft = Draft(key, groups=groups, consent=consent(day, f"order {id}"))
    first = at(read or day, 13)
    state = "retracted" if taken_back and not back else "live"
    since = at(back) if back else at(taken_back) if taken_back else first
    return RecordNote(
        "sales", id, partition, at(day), state, key, "crm.customers:C1", first, None, None, msgspec.to_builtins(draft),
        since, at(taken_back) if taken_back else None, LETTERS,
    )  # fmt: skip


def contact(*sent: str, delivered: Consent | None = None, **groups: str) -> TargetNote:
    """Jo, to whom requests on these days took effect; `groups`: title to the state of the membership."""
    attempts = [AttemptNote(number, at(day, 14), None, number, "confirmed") for number, day in enumerate(sent, start=1)]
    members = [MembershipNote(title, state) for title, state in groups.items()]
    there = Delivered(present=True, consent=delivered)
    return TargetNote(LETTERS, JO, "delivered", None, 1, 1, Desired(), there, members, None, None, attempts)


def reasons(
    *records: RecordNote, target: TargetNote | None = None, day: str = "2026-06-20", heard: Heard | None = None
) -> Reasons:
    found = Explanation(JO, [target] if target else [], list(records), [], [])
    return find_reasons(found, LETTERS, JO, dt.date.fromisoformat(day), TORONTO, heard)


# --- on what consent ---


def test_of_several_purchases_the_one_whose_consent_ends_last_counts() -> None:
    told = reasons(bought("1", "2026-06-01"), bought("2", "2026-06-10"), target=contact("2026-06-01"))
    assert told.ground is not None
    assert told.ground.source is not None
    assert told.ground.source.record == "2"


def test_a_later_purchase_says_nothing_about_an_earlier_day() -> None:
    told = reasons(bought("1", "2026-06-01"), bought("2", "2026-06-10"), day="2026-06-05")
    assert told.ground is not None
    assert told.ground.consent.proof == "order 1"
    assert reasons(bought("2", "2026-06-10"), day="2026-06-09").ground is None
    assert reasons(bought("2", "2026-06-10"), day="2026-06-10").ground is not None


def test_a_purchase_counts_until_it_was_taken_back_and_again_when_it_was_back() -> None:
    grounds = {
        day: reasons(bought("1", "2026-06-01", taken_back="2026-06-10", back="2026-06-15"), day=day).ground
        for day in ("2026-06-09", "2026-06-10", "2026-06-14", "2026-06-15")
    }
    assert [day for day, ground in grounds.items() if ground] == ["2026-06-09", "2026-06-15"]
    gone = bought("1", "2026-06-01", taken_back="2026-06-10")
    assert reasons(gone, day="2026-06-09").ground is not None
    assert reasons(gone, day="2026-06-10").ground is None


def test_what_stands_at_the_provider_because_of_a_purchase_ends_with_that_purchase() -> None:
    gone = bought("1", "2026-06-01", taken_back="2026-06-10")
    still = consent("2026-06-01", "order 1")
    heard = Heard(Dossier("subscribed", consent=still))
    assert reasons(gone, target=contact("2026-06-02", delivered=still), heard=heard).ground is None


def test_a_purchase_that_was_taken_back_before_its_draft_was_kept_leaves_nothing_to_rest_on() -> None:
    gone = bought("1", "2026-06-01", taken_back="2026-06-10")._replace(body=None)
    still = consent("2026-06-01", "order 1")
    assert reasons(gone, target=contact("2026-06-02", delivered=still)).ground is None
    express = consent("2026-05-01", "the form", "express", express=True)
    assert reasons(gone, heard=Heard(Dossier("subscribed", consent=express))).ground is not None


def test_a_consent_found_at_the_provider_counts_from_its_day_on() -> None:
    heard = Heard(Dossier("subscribed", consent=consent("2026-06-05", "a form", "express", express=True)))
    record = bought("1", "2026-06-01")
    after, before = (reasons(record, heard=heard, day=day).ground for day in ("2026-06-05", "2026-06-04"))
    assert after is not None
    assert (after.consent.basis, after.source) == ("express", None)
    assert before is not None
    assert before.consent.proof == "order 1"


def test_a_consent_that_had_ended_is_told_as_ended() -> None:
    told = reasons(bought("1", "2024-06-20"), target=contact("2024-06-20"), day="2026-06-20")
    assert told.ground is None
    assert told.ended is not None
    letter = write_letter(told, Language.EN, TORONTO, {}, on_day=False)
    assert (
        "No consent that stood on June 20, 2026 is on record. The last one on record had ended on June 20, 2026."
        in letter.paragraphs
    )
    assert reasons(bought("1", "2024-06-20"), day="2026-06-19").ground is not None


def test_a_record_of_our_own_streams_is_no_ground() -> None:
    repeated = bought("jo/2026-06-01", "2026-06-01", partition="engine.expiring_consents/60")
    assert reasons(repeated, target=contact("2026-06-01")).ground is None


# --- through which group ---


def test_a_group_has_the_day_on_which_we_added_it_and_the_purchases_that_give_it() -> None:
    first = bought("1", "2026-06-01", groups=("Other",))
    second = bought("2", "2026-06-05", read="2026-06-08")
    target = contact("2026-06-01", "2026-06-08", "2026-06-12", customers="ours")
    (group,) = reasons(first, second, target=target).groups
    assert (group.title, group.how, group.since) == ("customers", "ours", at("2026-06-08", 14))
    assert [source.record for source in group.sources] == ["2"]


@pytest.mark.parametrize("how", ["before", "gone", "maybe"])
def test_who_put_them_into_a_group_is_told(how: str) -> None:
    (group,) = reasons(bought("1", "2026-06-01"), target=contact("2026-06-01", Customers=how)).groups
    assert group.how == how
    assert (group.since is not None) == (how == "gone")


def test_only_the_groups_that_the_mail_went_to_are_told() -> None:
    mail = Mail("812", "June", at("2026-06-20"), True, ("CUSTOMERS", "Elsewhere"))
    dossier = Dossier("subscribed", groups={"Customers": None, "News": None})
    told = reasons(
        bought("1", "2026-06-01"), target=contact("2026-06-01", Customers="ours"), heard=Heard(dossier, [mail])
    )
    assert [(group.title, group.there) for group in told.groups] == [("Customers", True)]


def test_a_group_that_nobody_of_us_added_is_told_as_such_with_the_day_if_the_provider_knows() -> None:
    dossier = Dossier("subscribed", groups={"News": at("2025-01-01")})
    (group,) = reasons(heard=Heard(dossier)).groups
    assert (group.how, group.since, group.sources) == ("other", at("2025-01-01"), ())


def test_mail_that_came_before_we_added_them_is_not_blamed_on_us() -> None:
    mail = Mail("812", "May", at("2026-05-20"), True, ("Customers",))
    target = contact("2026-06-01", Customers="ours")
    told = reasons(
        bought("1", "2026-06-01"), target=target, day="2026-05-20",
        heard=Heard(Dossier("subscribed", groups={"Customers": None}), [mail]),
    )  # fmt: skip
    text = " ".join(write_letter(told, Language.EN, TORONTO, {}, on_day=False).paragraphs)
    assert "We added your address to it only on June 1, 2026, after that mail" in text
    assert "No consent that stood on May 20, 2026 is on record." in text


@pytest.mark.parametrize("member", ["Acme", "Acme\x1fpartner:7"])
def test_a_group_that_has_a_key_by_now_is_the_one_that_was_joined_by_its_title(member: str) -> None:
    dossier = Dossier("subscribed", groups={"VIP\x1fpartner:7" if "\x1f" in member else "Acme\x1fpartner:7": None})
    heard = Heard(dossier, [Mail("1", "June", at("2026-06-20"), groups=tuple(dossier.groups))])
    (group,) = reasons(
        bought("1", "2026-06-01", groups=(member,)), target=contact("2026-06-01", **{member: "ours"}), heard=heard
    ).groups
    assert (group.title, group.how, group.there) == ("VIP" if "\x1f" in member else "Acme", "ours", True)
    assert [source.record for source in group.sources] == ["1"]


def test_lists_in_which_the_address_is_not_found_are_named() -> None:
    mail = Mail("812", "June", at("2026-06-20"), True, ("Customers", "News"))
    told = reasons(heard=Heard(Dossier("subscribed", groups={"Other": None}), [mail]))
    text = " ".join(write_letter(told, Language.FR, TORONTO, {}, on_day=False).paragraphs)
    assert told.groups == ()
    assert "Le courriel est allé à «\u00a0Customers\u00a0», «\u00a0News\u00a0»; rien ne consigne" in text


# --- what it was to us ---


def test_an_address_is_ours_known_or_never_ours() -> None:
    record = bought("1", "2026-06-01")
    assert reasons(record, target=contact("2026-06-01")).tie == "written"
    assert reasons(record, target=contact()).tie == "known"
    assert reasons(record).tie == "known"
    assert reasons().tie == "never"
    assert reasons(bought("1", "2026-06-01", key="other@example.com")).tie == "never"


def test_what_the_provider_says_of_a_refusal_comes_before_what_we_heard() -> None:
    target = contact("2026-06-01")._replace(suppression="unsubscribed", suppressed_since=at("2026-06-18"))
    dossier = Dossier("unsubscribed", since=at("2026-06-17"))
    told = reasons(target=target, heard=Heard(dossier))
    letter = write_letter(told, Language.EN, TORONTO, {}, on_day=False)
    assert letter.paragraphs[-1] == "You unsubscribed on June 17, 2026; we do not write to you any more."
    # the state knows only when it heard of it
    letter = write_letter(reasons(target=target), Language.FR, TORONTO, {}, on_day=False)
    assert letter.paragraphs[-1] == "Votre adresse est désabonnée; nous ne vous écrivons plus."


@pytest.mark.parametrize("language", Language)
def test_whoever_was_unsubscribed_by_a_record_of_ours_is_not_told_that_they_did_it(language: Language) -> None:
    target = contact("2026-06-01")._replace(suppression="refused", suppressed_since=at("2026-06-18"))
    stopped = target._replace(delivered=Delivered(stopped="unsubscribe"))
    record = bought("1", "2026-06-18")._replace(body={"key": JO, "stop": "unsubscribe"})
    heard = Heard(Dossier("unsubscribed", since=at("2026-06-18")))
    taken_back = record._replace(state="retracted", retracted_at=at("2026-06-19"))
    by_us = WORDS[language].refused["stopped"], WORDS[language].refused_on["stopped"]
    for told in (
        reasons(target=stopped, heard=heard),
        reasons(record, target=target, heard=heard),
        reasons(target=stopped._replace(suppression="unsubscribed")),
    ):
        assert told.refused == "stopped"
        said = by_us[told.state == "unsubscribed"].format(day=WORDS[language].day(dt.date(2026, 6, 18)))
        assert write_letter(told, language, TORONTO, {}, on_day=False).paragraphs[-1] == said
    assert reasons(target=stopped).refused == "refused"
    assert reasons(taken_back, target=target, heard=heard).refused == "unsubscribed"
    assert reasons(target=stopped, heard=Heard(Dossier("bounced"))).refused == "bounced"


def test_what_was_written_by_hand_without_a_proof_is_not_named_by_its_hash() -> None:
    written = bought("5cb67b1aa052", "2026-06-01")._replace(mapping="write mail.contacts")
    unproven = written._replace(body={"key": JO, "groups": ["Customers"], "ask": True})
    target = contact("2026-06-01", Customers="maybe")
    english, french = (
        " ".join(write_letter(reasons(unproven, target=target), language, TORONTO, {}, on_day=False).paragraphs)
        for language in (Language.EN, Language.FR)
    )
    assert "The reason is in our records: an entry made by hand, of June 1, 2026." in english
    assert "La raison figure dans nos registres\u00a0: une saisie faite à la main, du 1er juin 2026." in french
    assert "5cb67b1aa052" not in english + french
    proven = write_letter(reasons(written, target=target), Language.EN, TORONTO, {}, on_day=False)
    assert "order 5cb67b1aa052, of June 1" in " ".join(proven.paragraphs)
    sold = reasons(unproven._replace(mapping="sales"), target=target)
    read = write_letter(sold, Language.EN, TORONTO, {}, on_day=False)
    assert "in our records: 5cb67b1aa052, of June 1" in " ".join(read.paragraphs)

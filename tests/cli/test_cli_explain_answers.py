"""`explain` with a question: why did I get this mail? In sentences, in two languages, as a page and as data."""

import json
import stat
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from syncengine.cli.phrases import describe_moment
from syncengine.clock import SystemClock
from tests.cli.conftest import Program
from tests.cli.shop import Shop

ANA, EVE = "ana@example.com", "eve@example.com"
GROUP = "Affiliate customers"


class Read(HTMLParser):
    """What a page says, and what it would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())


@pytest.fixture
def mailed(shop: Shop) -> tuple[Shop, str, str]:
    """Ana bought, and got a mail to the customers; Eve is in the newsletter only. The shop, that mail, Ana's action."""
    shop.knows("C1", ANA, first_name="Ana")
    action = shop.sells("C1", oid="77")
    assert shop("sync").code == 0
    admin = shop.cyberimpact.admin
    admin.create_group("News")
    admin.add(EVE, groups=["News"], relation="express-consent", date="2025-03-01", proof="<form> & co")
    return shop, str(admin.send_mailing("<b>June</b> & more", [GROUP, "News"])), action


def test_it_says_which_mail_through_which_group_since_when_by_which_purchase_on_what_consent(
    mailed: tuple[Shop, str, str],
) -> None:
    shop, mail, action = mailed
    out = shop("explain", ANA, "--mailing", mail).out
    assert out.startswith("Why you got this mail\n\n")
    assert f'We sent "<b>June</b> & more" to {ANA} on ' in out
    assert f'The mail went to our list "{GROUP}". We added your address to it on ' in out
    assert f"The reason is in our records: impact.com action {action}, order 77, of " in out
    assert "we had your implied consent, dated " in out
    assert ": you bought from us. It ends on " in out
    assert "News" not in out


def test_the_purchase_may_be_named_instead_of_the_address(mailed: tuple[Shop, str, str]) -> None:
    shop, mail, action = mailed
    for name in ("C1", "77", action):
        ended = shop("explain", name, "--mailing", mail)
        assert ended.code == 0
        assert f'We sent "<b>June</b> & more" to {ANA} on ' in ended.out


def test_an_address_that_was_never_ours_is_told_so_in_the_language_asked_for(mailed: tuple[Shop, str, str]) -> None:
    shop, mail, _ = mailed
    ended = shop("explain", EVE, "--mailing", mail, "--lang", "fr")
    assert ended.code == 0
    assert "Pourquoi vous avez reçu ce courriel\n" in ended.out
    assert f"Nous n'avons jamais ajouté {EVE} à nos listes" in ended.out
    assert "Elle est dans notre service d'envoi depuis le " in ended.out
    assert "notre liste «\u00a0News\u00a0». Rien dans nos registres n'y a ajouté votre adresse." in ended.out
    assert (
        "consentement exprès, donné le 1er mars 2025\u00a0: vous avez accepté de recevoir nos courriels." in ended.out
    )
    assert "Ce qui l'atteste\u00a0: <form> & co." in ended.out


def test_a_day_stands_for_the_mails_of_that_day(mailed: tuple[Shop, str, str]) -> None:
    shop, _, _ = mailed
    today = describe_moment(SystemClock().now(), ZoneInfo("America/Toronto"))[:10]
    assert f'We sent "<b>June</b> & more" to {ANA}' in shop("explain", ANA, "--on", today).out
    out = shop("explain", ANA, "--on", "2026-01-31").out
    assert "Why we write to you\n" in out
    assert f"No mail of ours to {ANA} on January 31, 2026 is on record." in out
    assert "No consent that stood on January 31, 2026 is on record." in out


def test_the_page_is_its_owners_alone_loads_nothing_and_means_what_it_says(mailed: tuple[Shop, str, str]) -> None:
    shop, mail, _ = mailed
    path = shop.config.with_name("answer.html")
    path.write_text("something that others may read")
    path.chmod(0o644)
    ended = shop("explain", EVE, "--mailing", mail, "--html", str(path), "--lang", "fr")
    assert ended.out == f"{path} is written. It holds personal data; only you can read it.\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    page = Read(path.read_text(encoding="utf-8"))
    assert page.attributes["lang"] == "fr"
    assert not page.tags & {"script", "img", "link", "iframe", "b", "form"}
    assert not page.attributes.keys() & {"src", "href"}
    assert "Ce qui l'atteste\u00a0: <form> & co." in " ".join(page.text)
    assert any("«\u00a0<b>June</b> & more\u00a0»" in text for text in page.text)


def test_a_page_that_can_not_be_written_is_told_with_its_place(mailed: tuple[Shop, str, str], tmp_path: Path) -> None:
    ended = mailed[0]("explain", ANA, "--html", str(tmp_path / "nowhere" / "answer.html"))
    assert ended.code == 2
    assert "can't be written: no such file or directory" in ended.err
    assert "Name a file in a folder that is there." in ended.err


def test_json_has_the_reasons_and_the_letters(mailed: tuple[Shop, str, str]) -> None:
    shop, mail, action = mailed
    told = json.loads(shop("explain", ANA, "--mailing", mail, "--json").out)
    (reasons,), (letter,) = told["reasons"], told["letters"]
    assert (reasons["tie"], reasons["state"]) == ("written", "subscribed")
    assert [sent["id"] for sent in reasons["mails"]] == [mail]
    (group,) = reasons["groups"]
    assert (group["title"], group["how"], group["there"]) == (GROUP, "ours", True)
    assert group["sources"][0]["record"] == reasons["ground"]["source"]["record"] == action
    assert letter["title"] == "Why you got this mail"
    assert told["targets"][0]["key"] == ANA


def test_ask_adds_to_the_story_what_the_provider_knows(mailed: tuple[Shop, str, str]) -> None:
    shop, mail, _ = mailed
    out = shop("explain", EVE, "--ask").out
    assert f'"{EVE}" was never met' in out
    assert f"{EVE} in cyberimpact.contacts, asked just now\n  stands      subscribed since 20" in out
    assert "  consent     express-consent of 2025-03-01 (<form> & co)\n  group       News\n  mail        20" in out
    assert f"  {mail}, <b>June</b> & more\n" in out
    (there,) = json.loads(shop("explain", EVE, "--ask", "--json").out)["there"]
    assert there["dossier"]["consent"]["proof"] == "<form> & co"


def test_an_address_that_nobody_knows_is_told_so_and_fails(mailed: tuple[Shop, str, str]) -> None:
    ended = mailed[0]("explain", "nobody@example.com", "--mailing", mailed[1])
    assert ended.code == 1
    assert "was not sent to nobody@example.com." in ended.out
    assert "We never added nobody@example.com to our lists" in ended.out
    assert "It is not in our mailing service today." in ended.out


def test_without_a_question_nobody_is_asked_in_any_language_and_no_state_is_made(shop: Shop) -> None:
    path = shop.config.with_name("answer.html")
    for arguments in (["--lang", "fr"], ["--html", str(path)]):
        ended = shop("explain", ANA, *arguments)
        assert ended.code == 1
    assert path.exists()
    assert shop.requests() == 0
    assert not shop.state.exists()


def test_a_mailing_that_is_not_there_is_a_mistake_of_usage(shop: Shop) -> None:
    ended = shop("explain", ANA, "--mailing", "999999")
    assert ended.code == 2
    assert "There is no mailing 999999. syncengine read CONNECTION.mailings lists them." in " ".join(ended.err.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([ANA, "--mailing", "1"], "No destination of the mappings knows mailings."),
        ([ANA, "--on", "yesterday"], 'Write a day, such as "2026-06-01".'),
        ([ANA, "--on", "2999-01-01"], "It must not be in the future."),
        ([ANA, "--lang", "de"], "'de' is not one of"),
        ([" "], "Give an address, or the id of a record, customer or order."),
    ],
)
def test_a_question_that_means_nothing_is_a_mistake_of_usage(run: Program, arguments: list[str], said: str) -> None:
    run.configure()
    ended = run("explain", *arguments)
    assert ended.code == 2
    assert said in " ".join(ended.err.split())


def test_where_nobody_can_tell_that_is_said(run: Program) -> None:
    run.configure()
    ended = run("explain", ANA, "--ask")
    assert ended.code == 1
    assert "Nobody was asked: no destination of the mappings can tell more, or no address is known." in ended.out


def test_a_provider_that_does_not_answer_is_an_error_and_no_half_answer(mailed: tuple[Shop, str, str]) -> None:
    shop, mail, _ = mailed
    shop.cyberimpact.admin.revoke_token(shop.cyberimpact.settings()["token"])
    ended = shop("explain", ANA, "--mailing", mail)
    assert ended.code == 1
    assert ended.out == ""
    assert ended.err

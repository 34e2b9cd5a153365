"""`check` and `test`: everything that can be found out is, and one trouble hides no other."""

import json

from tests.cli.conftest import Program
from tests.cli.desk_setup import CONFIG
from tests.cli.shop import Shop

RECIPE = 'use = "new-customers"'
OTHER = """
[connections.other]
connector = "desk"
token = "another-made-up-token"
mood = "{mood}"
"""


def test_a_good_configuration_is_well(run: Program) -> None:
    run.configure()
    ended = run("check")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "ok       connections.desk: The desk has 3 tickets a day.\n"
        "ok       mappings.letters: 1 test passes.\n"
        "\n"
        "All is well. Next: syncengine plan\n"
    )


def test_a_connection_that_fails_hides_no_other(run: Program) -> None:
    run.configure(CONFIG + OTHER.format(mood="refused")).chmod(0o600)
    ended = run("check")
    assert ended.code == 1
    assert "error    connections.other: connections.desk: the credentials are refused (401)." in ended.out
    assert "         → Check that they are complete." in ended.out
    assert "ok       connections.desk: The desk has 3 tickets a day." in ended.out
    assert "1 error, 0 warnings." in ended.out


def test_a_connector_that_breaks_hides_no_other_and_quotes_nothing(run: Program) -> None:
    run.configure(CONFIG + OTHER.format(mood="buggy")).chmod(0o600)
    ended = run("check", "--debug")
    assert ended.code == 1
    assert "error    connections.other: The connector failed (KeyError)." in ended.out
    assert "ok       connections.desk" in ended.out
    assert "jo@example.com" not in ended.out + ended.err
    assert "KeyError" in ended.err


def test_a_misspelt_column_is_found_against_the_real_ones(run: Program) -> None:
    run.configure(CONFIG, ("person.email", "person.emial"))
    ended = run("check")
    assert ended.code == 2
    assert 'error    mappings.letters.fields.email: The lookup "person" has no column "emial".' in ended.out
    assert 'Did you mean "email"? The columns of desk.people are: email, key, name.' in ended.out


def test_a_campaign_that_the_account_does_not_have_is_found(shop: Shop) -> None:
    text = shop.config.read_text()
    shop.config.write_text(text.replace(RECIPE, f'{RECIPE}\noptions = {{ campaigns = ["1000", "4711"] }}'))
    ended = shop("check")
    assert ended.code == 2
    assert "error    mappings.new-customers.options.campaigns: impact.com has no campaign 4711" in ended.out
    assert "All is well" not in ended.out


def test_a_mapping_test_that_fails_says_what_differs(run: Program) -> None:
    run.configure(CONFIG, ('name = "Jo", groups', 'name = "Joe", groups'))
    ended = run("check")
    assert ended.code == 1
    assert 'error    mappings.letters.tests.0: a new ticket: name: expected "Joe", got "Jo"' in ended.out


def test_a_mapping_without_tests_is_a_warning(run: Program) -> None:
    run.configure(CONFIG.partition("[[mappings.letters.tests]]")[0])
    ended = run("check")
    assert ended.code == 0
    assert "warning  mappings.letters: It has no tests." in ended.out
    assert "All is well, 1 warning." in ended.out


def test_a_secret_that_others_may_read_is_a_warning(run: Program) -> None:
    run.configure(CONFIG, ('{ env = "DESK_TOKEN" }', '"made-up-token-9"')).chmod(0o644)
    ended = run("check")
    assert ended.code == 0
    assert "warning  connections.desk: A secret stands in config.toml, which others may read." in ended.out
    assert "made-up-token-9" not in ended.out


def test_findings_as_json(run: Program) -> None:
    run.configure(CONFIG, ("person.email", "person.emial"))
    ended = run("check", "--json")
    findings = json.loads(ended.out)["findings"]
    assert [(finding["level"], finding["key"], finding["code"]) for finding in findings] == [
        ("ok", "connections.desk", ""),
        ("error", "mappings.letters.fields.email", "config"),
        ("error", "mappings.letters.tests.0", "test"),
    ]


def test_the_tests_of_a_mapping_pass(run: Program) -> None:
    run.configure()
    ended = run("test")
    assert (ended.code, ended.out) == (0, "passed  letters: a new ticket\n")


def test_a_failing_test_exits_1_and_shows_the_difference(run: Program) -> None:
    run.configure(CONFIG, ('name = "Jo", groups', 'name = "Joe", groups'))
    ended = run("test", "letters")
    assert ended.code == 1
    assert ended.out == 'failed  letters: a new ticket\n        name: expected "Joe", got "Jo"\n'


def test_an_instant_in_a_consent_is_compared_as_the_day_that_it_becomes(run: Program) -> None:
    run.configure(CONFIG, ("since = 2026-06-01", "since = 2026-06-02"))
    assert 'since: expected "2026-06-02", got "2026-06-01"' in run("test").out


def test_a_refused_field_is_a_rejected_record_in_a_test(run: Program) -> None:
    run.configure(CONFIG, ('{ email = "Jo@Example.com", name = "jo" }', '{ email = "nowhere", name = "jo" }'))
    assert "expected a draft, but the record is rejected: email is not an address." in run("test").out


def test_an_unknown_mapping_is_named(run: Program) -> None:
    run.configure()
    ended = run("test", "leters")
    assert ended.code == 2
    assert "mappings.leters: There is no such mapping." in ended.err
    assert 'Did you mean "letters"?' in ended.err

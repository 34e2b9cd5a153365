"""Connectors are found by their entry points, and what is wrong with one is said."""

from collections.abc import Iterator

import pytest

from syncengine.errors import ConfigError, Problem
from syncengine.registry import connector_names, load_connector, load_sandbox, sandbox_names
from tests.cli.desk_setup import known_desk


@pytest.fixture(autouse=True)
def _desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from known_desk(monkeypatch)


def fault(name: str) -> Problem:
    with pytest.raises(ConfigError) as caught:
        load_connector(name, "connections.mine.connector")
    (problem,) = caught.value.problems
    assert problem.key == "connections.mine.connector"
    return problem


def test_a_connector_of_another_package_is_as_good_as_ours() -> None:
    assert {"desk", "impact", "cyberimpact", "sql", "csv"} <= set(connector_names())
    assert load_connector("desk").summary == "a help desk, for tests"


@pytest.mark.parametrize("name", ["impact", "cyberimpact", "sql", "csv"])
def test_our_own_connectors_can_be_loaded(name: str) -> None:
    assert load_connector(name).name == name


@pytest.mark.parametrize("name", ["impact", "cyberimpact"])
def test_our_own_sandboxes_can_be_loaded(name: str) -> None:
    assert name in sandbox_names()
    assert load_sandbox(name).name == name


def test_an_unknown_connector_names_the_nearest_one() -> None:
    assert fault("desc") == Problem(
        "connections.mine.connector", 'There is no connector "desc".', 'Did you mean "desk"?'
    )


def test_an_unknown_connector_like_no_other_names_them_all() -> None:
    assert "csv, cyberimpact, desk" in fault("zzz").hint


def test_a_connector_whose_import_fails_says_what_is_missing() -> None:
    problem = fault("torn")
    assert problem.message == (
        '"torn" can\'t be loaded: ModuleNotFoundError "a_driver_that_nobody_has" while importing desk_torn.'
    )
    assert problem.hint == "Install desk anew; --debug shows where it fails."


def test_a_class_that_is_no_connector_says_what_it_lacks() -> None:
    assert fault("hollow").message == 'The connector "hollow" is not usable: it has no Settings, connect.'

"""docs/invoca.md is copied from and relied on, so what it shows is tried, and what it lists is all there is."""

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from connectors.impact.calls_settings import CallDataSettings
from connectors.invoca import InvocaSettings
from connectors.invoca.log import SEED_DAYS
from connectors.invoca.position import MOST_FOOTHOLDS
from mappings.recipes import recipe_text
from tests.invoca.test_invoca_lost_place import ENDS
from tests.invoca.world import Network

PAGE = (Path(__file__).parents[2] / "docs" / "invoca.md").read_text(encoding="utf-8")
INSTEAD = {"token", "network_id", "subdomain", "base_url", "username", "password"}
"""Settings that the page shows in its examples and not in a table of what they are when left out."""


def section(title: str) -> str:
    """The text under this heading."""
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def table(text: str) -> dict[str, list[str]]:
    """The cells of each row by the names in its first cell."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]
    return {name: row[1:] for row in rows for name in re.findall(r"`(\w+)`", row[0])}


def example(text: str) -> dict[str, Any]:
    """The one configuration in it, with its secrets as texts."""
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    connections = tomllib.loads(block)["connections"]
    return {name: _with_secrets(given) for name, given in connections.items()}


def _with_secrets(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    return "made-up" if given.keys() == {"env"} else {name: _with_secrets(value) for name, value in given.items()}


def settings_of(model: type[BaseModel]) -> set[str]:
    return set(model.model_fields)


def test_the_connection_on_the_page_is_one() -> None:
    given = example(section("The connection"))["invoca"]
    assert given.pop("connector") == "invoca"
    assert InvocaSettings.model_validate(given).url == "https://leadtrust.invoca.net"


def test_every_setting_of_the_connection_is_told_and_no_other() -> None:
    told = table(section("The connection"))
    assert told.keys() | INSTEAD == settings_of(InvocaSettings)
    assert all(f"`{name}`" in PAGE or name in PAGE for name in INSTEAD)


def test_the_call_data_on_the_page_and_every_setting_of_it() -> None:
    part = section("Reporting calls to impact.com")
    CallDataSettings.model_validate(example(part)["impact"]["call_data"])
    assert table(part).keys() | {"username", "password", "base_url"} == settings_of(CallDataSettings)
    told = {name: cells[-1].strip("`") for name, cells in table(part).items()}
    defaults = {name: CallDataSettings.model_fields[name].default for name in told}
    assert told == {
        name: "no" if value is False else "none" if value == [] else str(value) for name, value in defaults.items()
    }


def test_the_streams_and_destinations_on_the_page_are_those_of_a_network(network: Network) -> None:
    connection = network.connect()
    assert table(section("Streams")).keys() == connection.streams.keys()
    assert table(section("Writing to Invoca")).keys() == connection.destinations.keys()


def test_the_recipes_on_the_page_are_there() -> None:
    for name in set(re.findall(r"The recipe `([\w-]+)`", PAGE)):
        assert recipe_text(name)
    assert len(set(re.findall(r"The recipe `([\w-]+)`", PAGE))) == 2


def test_the_bound_of_reading_again_is_the_one_that_is_tested() -> None:
    assert f"at most {MOST_FOOTHOLDS + len(SEED_DAYS) + ENDS} requests beside" in " ".join(PAGE.split())

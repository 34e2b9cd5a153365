"""docs/sql.md is copied from, so what it shows is tried."""

import re
import tomllib
from pathlib import Path

from connectors.sql import SqlConnector
from syncengine.contracts import Context

PAGE = Path(__file__).parents[2] / "docs" / "sql.md"


def test_the_configuration_on_the_page_connects(context: Context, tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    table = tomllib.loads(block)["connections"]["shop"]
    assert table.pop("connector") == "sql"
    settings = SqlConnector.Settings.model_validate(table, context={"base": tmp_path})
    connection = SqlConnector().connect(settings, context)
    assert (set(connection.lookups), set(connection.destinations)) == ({"customers"}, {"consents"})

"""config.example.toml is the documentation that people copy from, so it is loaded, bound and tested as it stands."""

import sqlite3
from pathlib import Path

import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.binding import Workspace, bind
from syncengine.checking import test_mapping as run_mapping_tests
from syncengine.cli.world import contexts
from syncengine.config import EngineSettings, load_settings

EXAMPLE = Path(__file__).parents[1] / "config.example.toml"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "config.toml").write_bytes(EXAMPLE.read_bytes())
    sqlite3.connect(tmp_path / "shop.db").close()
    environ = {
        "IMPACT_ACCOUNT_SID": "IRmadeup",
        "IMPACT_AUTH_TOKEN": "made-up-auth-token",
        "CYBERIMPACT_TOKEN": CyberimpactSandbox().settings()["token"],
        "SHOP_DATABASE_URL": "sqlite:///shop.db",
    }
    settings = load_settings(tmp_path / "config.toml", environ)
    return bind(settings, contexts(settings))


def test_the_example_can_be_loaded_and_every_name_in_it_is_right(workspace: Workspace) -> None:
    mapping = workspace.mappings["new-customers"]
    assert [rule.source for rule, _ in mapping.lookups] == ["shop.customers", "shop.orders"]
    assert workspace.settings.warnings == ()


def test_the_examples_own_tests_pass(workspace: Workspace) -> None:
    results = run_mapping_tests(workspace.mappings["new-customers"])
    assert [result.differences for result in results] == [(), ()]


def test_the_example_names_every_setting_of_the_engine() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert [name for name in EngineSettings.model_fields if f"\n{name} " not in text.replace("\n# ", "\n")] == []

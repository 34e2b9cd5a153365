"""What [engine] says about safety: how much may be taken away at once, and when everything is compared."""

import datetime as dt
from pathlib import Path

import pytest

from syncengine.config import load_settings
from syncengine.engine_settings import EngineSettings
from syncengine.errors import ConfigError
from syncengine.schedule import Cron, Every

DAY = 86_400


def load(folder: Path, line: str) -> EngineSettings:
    path = folder / "config.toml"
    path.write_text(f"[engine]\n{line}\n", encoding="utf-8")
    return load_settings(path, {}).engine


def test_a_hundred_and_once_a_day_are_what_is_meant_where_nobody_says(tmp_path: Path) -> None:
    engine = load(tmp_path, "")
    assert engine.most_removals == 100
    assert isinstance(engine.reconcile, Every)
    assert engine.reconcile.seconds == DAY


def test_a_schedule_of_either_kind_and_off_are_understood(tmp_path: Path) -> None:
    assert load(tmp_path, 'reconcile = "off"').reconcile is None
    assert isinstance(load(tmp_path, 'reconcile = "30 4 * * *"').reconcile, Cron)
    weekly = load(tmp_path, 'reconcile = "every 7 days"').reconcile
    assert weekly is not None
    now = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
    assert weekly.next_after(now, EngineSettings().timezone) == now + dt.timedelta(days=7)


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        ('reconcile = "sometimes"', "engine.reconcile", ("is no schedule", '"off"')),
        ("reconcile = false", "engine.reconcile", ("a schedule in quotes", '"every 1 day"')),
        ("most_removals = -1", "engine.most_removals", ("0",)),
        ('most_removals = "many"', "engine.most_removals", ()),
    ],
)
def test_a_wrong_value_is_named_with_what_to_write(tmp_path: Path, line: str, key: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, line)
    (problem,) = raised.value.problems
    assert problem.key == key
    assert all(word in f"{problem.message} {problem.hint}" for word in words)

"""[engine] hooks: where notifications are taken. Its secret is long, fits into an address, and is masked everywhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncengine.config import Settings, load_settings
from syncengine.errors import ConfigError
from syncengine.redaction import redact
from tests.cli.desk_setup import ENVIRON, known_desk

SECRET = "a-made-up-secret-of-hooks_1"


@pytest.fixture(autouse=True)
def _desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from known_desk(monkeypatch)


def load(folder: Path, hooks: str, mode: int = 0o600) -> Settings:
    path = folder / "config.toml"
    path.write_text(f"[engine]\nhooks = {{ {hooks} }}\n", encoding="utf-8")
    path.chmod(mode)
    return load_settings(path, {**ENVIRON, "HOOK_SECRET": SECRET})


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("127.0.0.1:8377", "127.0.0.1", 8377),
        ("[::1]:80", "::1", 80),
        ("hooks.example.test:65535", "hooks.example.test", 65535),
    ],
)
def test_the_address_and_the_secret_are_read(tmp_path: Path, written: str, host: str, port: int) -> None:
    hooks = load(tmp_path, f"listen = '{written}', secret = {{ env = 'HOOK_SECRET' }}").engine.hooks
    assert hooks is not None
    assert tuple(hooks.listen) == (host, port)
    assert hooks.secret.get_secret_value() == SECRET
    assert SECRET not in repr(hooks)


def test_without_the_key_nothing_listens(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    assert load_settings(path, ENVIRON).engine.hooks is None


def test_a_secret_that_stands_in_the_file_is_masked_and_warned_about(tmp_path: Path) -> None:
    secret = "another-made-up-secret-of-hooks"
    settings = load(tmp_path, f"listen = '127.0.0.1:8377', secret = '{secret}'", mode=0o644)
    assert redact(f"/hooks/{secret}/impact.actions") == "/hooks/[masked]/impact.actions"
    (warning,) = settings.warnings
    assert (warning.key, warning.message) == ("engine", "A secret stands in config.toml, which others may read.")


GOOD = f"secret = '{SECRET}'"
FAULTS = {
    "no port": (f"listen = '127.0.0.1', {GOOD}", "listen", "This is no address with a port.", "127.0.0.1:8377"),
    "port nought": (f"listen = 'a:0', {GOOD}", "listen", "This is no address with a port.", "127.0.0.1:8377"),
    "a port too high": (f"listen = 'a:65536', {GOOD}", "listen", "This is no address with a port.", "127.0.0.1:8377"),
    "a URL": (f"listen = 'http://a:80', {GOOD}", "listen", "This is no address with a port.", "127.0.0.1:8377"),
    "a bare port": (f"listen = 8377, {GOOD}", "listen", "This must be an address and a port in quotes.", "127.0.0.1"),
    "no address": (GOOD, "listen", "This is missing.", "listen"),
    "no secret": ("listen = 'a:80'", "secret", "This is missing.", "only the provider knows"),
    "a short secret": (
        "listen = 'a:80', secret = 'nineteen-characters'",
        "secret",
        "This is too short for a secret: it needs 20 characters.",
        "secrets.token_urlsafe(32)",
    ),
    "a secret with a slash": (
        "listen = 'a:80', secret = 'twenty/characters/at/least'",
        "secret",
        "Letters, digits, - and _ only: it is a part of an address.",
        "secrets.token_urlsafe(32)",
    ),
    "no text": ("listen = 'a:80', secret = 12345678901234567890", "secret", "This must be a text in quotes.", ""),
    "an unset variable": (
        "listen = 'a:80', secret = { env = 'NO_SUCH' }",
        "secret",
        "The environment variable NO_SUCH is not set.",
        "Set NO_SUCH",
    ),
    "an unknown key": (f"listen = 'a:80', {GOOD}, port = 3", "port", "There is no such key.", ""),
}  # fmt: skip


@pytest.mark.parametrize(("written", "place", "message", "hint"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_its_key_and_never_its_value(
    tmp_path: Path, written: str, place: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, written)
    (problem,) = caught.value.problems
    assert (problem.key, problem.message) == (f"engine.hooks.{place}", message)
    assert hint in problem.hint
    assert SECRET not in str(caught.value)

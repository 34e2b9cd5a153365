"""Nothing that is secret or personal gets through a log line, whoever writes it; what helps people does."""

import ast
import base64
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from syncengine import logs
from syncengine.redaction import MASK, SHORTEST_SECRET, Redactor, redact

ROOT = Path(__file__).parent.parent
PACKAGES = ("syncengine", "connectors", "mappings")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    for name in (*logs.QUIET, *logs.VALUES):
        logging.getLogger(name).setLevel(logging.NOTSET)


class Lines(io.StringIO):
    def decoded(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def lines() -> Lines:
    """What a JSON log at level info holds."""
    stream = Lines()
    logs.configure("info", format="json", stream=stream)
    return stream


def test_every_line_has_time_level_event_and_what_is_bound(lines: Lines) -> None:
    with logs.bound(mapping="new-customers", run=12):
        structlog.get_logger().info("Page planned", records=200)
        logging.getLogger("some.library").warning("slow")
    ours, theirs = lines.decoded()
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {"event": "Page planned", "level": "info", "mapping": "new-customers", "run": 12, "records": 200}
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("slow", "warning", "some.library")
    assert (theirs["mapping"], theirs["run"]) == ("new-customers", 12)


def test_a_key_that_is_not_on_the_list_loses_its_value(lines: Lines) -> None:
    structlog.get_logger().info("Delivered", first_name="Zoé", note=7, **{"zoe@example.test": 1})
    (line,) = lines.decoded()
    assert line["first_name"] == line["note"] == line["unknown_key"] == MASK
    assert "zoe" not in lines.getvalue().lower()


@pytest.mark.parametrize("value", ["5145550100", "Zoé", ["Zoé"], {"a": 1}, object()])
def test_a_count_is_a_number_or_nothing(lines: Lines, value: object) -> None:
    structlog.get_logger().info("Delivered", delivered=value)
    assert lines.decoded()[0]["delivered"] == MASK


@pytest.mark.parametrize("value", ["x" * (logs.LONGEST_NAME + 1), ["Zoé"], {"name": "Zoé"}, b"Zoe"])
def test_a_name_is_short_text_or_nothing(lines: Lines, value: object) -> None:
    structlog.get_logger().info("Delivered", mapping=value)
    assert lines.decoded()[0]["mapping"] == MASK


def test_a_line_stays_one_line(lines: Lines) -> None:
    structlog.get_logger().info("One\nlevel=error two\x1b[31m", partition="a\r\nb")
    (line,) = lines.decoded()
    assert line["event"] == "One level=error two [31m"
    assert line["partition"] == "a b"


@pytest.mark.parametrize(
    "text",
    [
        "zoe.roy+news@example.test",
        "o'brien@example.test",
        "élodie@exämple.test",
        "zoe.roy%40example.test",
        "zoe.roy%2540example.test",
        "+1 (514) 555-0123",
        "514-555-0123",
        "(514) 555-0123",
        "1.514.555.0123",
        "06 12 34 56 78",
        "15145550123",
        "%2B15145550123",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        base64.b64encode(b"zoe.roy@example.test").decode(),
        "Authorization: Basic YWJjOmRlZg==",
        "(b'Authorization', b'Digest username=zoe, response=abc')",
        '"proxy-authorization": "Bearer abc"',
        "Bearer abc.DEF-123",
        '{"auth_token": "abc def"}',
        "password=hunter2",
        "https://zoe:hunter2@shop.test/",
        "https://shop.test/people?name=Zoe&city=Laval",
        "GET /people?name=Zoe",
    ],
)
def test_what_looks_personal_or_secret_is_masked_in_any_sentence(text: str) -> None:
    shown = redact(f"It said {text} and more")
    assert MASK in shown
    assert shown.startswith("It said ")
    for part in ("zoe", "élodie", "brien", "555", "34", "hunter2", "abc", "YWJj", "eyJ", "em9l"):
        assert part not in shown


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-02T10:00:00.123456+00:00",
        "Window 2026-06-01 00:00 to 2026-07-14 00:00: 200,000 read in 12.5 s.",
        "impact.actions, partition 1000, action 1000.4636.200001",
        "3f2b8c1e-9d4a-4b6e-8f10-2a3b4c5d6e7f",
        'connections.cyberimpact.token is not set. Set it with { env = "CYBERIMPACT_TOKEN" }.',
        "The bearer token expired; basic authentication failed.",
        'File "/usr/lib/python3.11/site-packages/sqlalchemy/engine/base.py", line 1966, in _execute',
        "https://api.example.test/members/12/groups answered 503",
        "Is it there? No.",
    ],
)
def test_what_helps_people_is_left_alone(text: str) -> None:
    assert redact(text) == text


def test_a_path_with_an_address_keeps_what_stands_around_it() -> None:
    assert redact("GET https://api.example.test/members/zoe%40example.test/groups?all=1") == (
        f"GET https://api.example.test/members/{MASK}/groups?{MASK}"
    )


@given(
    secret=st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=9, max_size=40),
    prefix=st.text(st.characters(codec="ascii", categories=["L", "Nd"]), max_size=4),
    suffix=st.text(st.characters(codec="ascii", categories=["L", "Nd"]), max_size=4),
)
def test_a_registered_secret_is_hidden_in_every_spelling(secret: str, prefix: str, suffix: str) -> None:
    redactor = Redactor()
    redactor.register(secret)
    spellings = [
        secret, quote(secret), quote(secret, safe=""), quote(secret, safe="").lower(), quote_plus(secret),
        json.dumps(secret)[1:-1],
    ]  # fmt: skip
    for spelling in spellings:
        assert redactor.hide_secrets(f"<{spelling}>", "") == "<>"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(f"{prefix}{secret}{suffix}".encode()).decode()
        shown = redactor.hide_secrets(whole, "")
        # What is left are the neighbours, and at both ends a character that secret and neighbour share.
        assert len(shown) <= len(encode(prefix.encode())) + len(encode(suffix.encode())) + 4


def test_the_password_inside_a_registered_url_is_a_secret_of_its_own() -> None:
    redactor = Redactor()
    redactor.register("postgresql://reader:p%40ss%2Fword@db.test/shop")
    assert redactor.hide_secrets("tried p%40ss%2Fword and p@ss/word", "-") == "tried - and -"


def test_too_short_a_secret_does_not_blank_out_the_text() -> None:
    redactor = Redactor()
    redactor.register("a" * (SHORTEST_SECRET - 1))
    assert redactor.redact("aaaaaa") == "aaaaaa"


def test_lines_of_libraries_are_masked_with_their_arguments(lines: Lines) -> None:
    logs.register_secret("line-of-library-secret")
    logger = logging.getLogger("httpx")
    logger.warning("Request to %s with %s", "https://api.test/members/zoe%40example.test", "line-of-library-secret")
    assert lines.decoded()[0]["event"] == f"Request to https://api.test/members/{MASK} with {MASK}"


def test_warnings_of_python_take_the_same_way(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logs.configure("info", format="json", stream=lines)
        warnings.warn("zoe@example.test is odd", UserWarning, stacklevel=1)
        logging.captureWarnings(False)
    (line,) = lines.decoded()
    assert line["logger"] == "py.warnings"
    assert "zoe" not in line["event"]


def test_a_library_line_that_cannot_be_written_does_not_quote_its_values(
    lines: Lines, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    # Without those of pytest, which would fail on the same line.
    monkeypatch.setattr(root, "handlers", [one for one in root.handlers if getattr(one, "stream", None) is lines])
    logging.getLogger("some.library").warning("%d people", "zoe@example.test")
    assert lines.getvalue() == "A log line of some.library could not be written.\n"
    assert capsys.readouterr() == ("", "")


def test_an_error_is_its_type_and_a_masked_sentence(lines: Lines) -> None:
    try:
        raise ValueError("zoe@example.test is no number")
    except ValueError:
        structlog.get_logger().exception("Run failed")
        logging.getLogger("apscheduler").exception("Job failed")
    for line in lines.decoded():
        assert (line["error"], line["error_message"]) == ("ValueError", f"{MASK} is no number")
        assert "exception" not in line
    assert "Traceback" not in lines.getvalue()


@pytest.mark.parametrize("format", ["text", "json"])
def test_debugging_adds_a_masked_traceback(format: Any) -> None:
    stream = Lines()
    address = "zoe@example.test"
    logs.configure("debug", format=format, stream=stream)
    try:
        raise ValueError(address)
    except ValueError as error:
        structlog.get_logger().error("Run failed", exc_info=error)
    assert "Traceback (most recent call last)" in stream.getvalue()
    assert address not in stream.getvalue()


def test_quiet_libraries_speak_only_to_those_who_debug(lines: Lines) -> None:
    for name in (*logs.QUIET, "httpcore.connection"):
        logging.getLogger(name).info("a step")
    assert lines.getvalue() == ""
    logs.configure("debug", format="json", stream=lines)
    logging.getLogger("httpcore.connection").debug("a step")
    logging.getLogger("sqlalchemy.engine.Engine").info("INSERT … ('Zoé')")
    assert [line["logger"] for line in lines.decoded()] == ["httpcore.connection"]


def test_a_library_with_a_handler_of_its_own_does_not_go_around_us(lines: Lines) -> None:
    around = io.StringIO()
    library, root = logging.getLogger("uvicorn.access"), logging.getLogger()
    library.addHandler(logging.StreamHandler(around))
    library.propagate = False
    root.addHandler(logging.StreamHandler(around))
    logs.configure("info", format="json", stream=lines)
    library.warning("zoe@example.test")
    assert around.getvalue() == ""
    assert [line["event"] for line in lines.decoded()] == [MASK]


def test_configuring_again_replaces_and_does_not_double(lines: Lines) -> None:
    logger = structlog.get_logger()
    logger.info("before")
    second = Lines()
    logs.configure("warning", format="json", stream=second)
    logger.info("too quiet")
    logger.warning("after")
    assert [line["event"] for line in lines.decoded()] == ["before"]
    assert [line["event"] for line in second.decoded()] == ["after"]


def test_text_is_for_reading() -> None:
    stream = Lines()
    logs.configure("info", stream=stream)
    structlog.get_logger().info("Page planned", mapping="new-customers", read=200, email="zoe@example.test")
    line = stream.getvalue()
    assert line.count("\n") == 1
    for part in ("info", "Page planned", "mapping=new-customers", "read=200", f"email={MASK}"):
        assert part in line


def logged() -> Iterator[tuple[str, ast.Call]]:
    """Every call of a method of `log` or `logger` in the program, with where it stands."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if (
                        name.strip("_").lower() in {"log", "logger"} and method in LEVELS
                    ):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_what_the_program_logs_is_a_fixed_sentence_and_keys_of_the_list() -> None:
    known = logs.NAMES | logs.COUNTS | logs.SENTENCES | {"exc_info"}
    faults = []
    for place, call in logged():
        if not (call.args and isinstance(call.args[0], ast.Constant) and len(call.args) == 1):
            faults.append(f"{place}: the event is one fixed sentence; values go into keys")
        for keyword in call.keywords:
            if keyword.arg not in known:
                faults.append(f"{place}: {keyword.arg or '**'} is on no list of syncengine/logs.py and would be masked")
    assert faults == []

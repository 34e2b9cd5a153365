"""Makes every log line safe to show to anybody, whoever wrote it.

Our own events pass through an allow-list: a key that is not on it is masked, whatever its value. Lines of the libraries
(httpx, SQLAlchemy, APScheduler …) take the same way out. Modules log with `structlog.get_logger()`; `bound(mapping=…,
run=…)` puts its values on every line inside, and nothing else needs to pass them on.
"""

import datetime as dt
import logging
import re
import sys
import traceback
from collections.abc import Callable, MutableMapping
from typing import Any, Final, Literal, TextIO

import stamina
import structlog
from structlog.contextvars import bound_contextvars as bound
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from syncengine.redaction import MASK, redact, register_secret

__all__ = ["COUNTS", "NAMES", "SENTENCES", "bound", "configure", "redact", "register_secret"]

Level = Literal["debug", "info", "warning", "error"]

NAMES: Final = frozenset({
    "account", "attempt", "backfill", "code", "command", "connection", "connector", "destination", "due_at",
    "error", "field", "file", "host", "job", "kind", "level", "logger", "lookup", "mapping", "method", "moment",
    "next_due", "outcome", "partition", "phase", "provider", "reason", "record", "resource", "run", "run_kind", "scope",
    "setting", "signal", "since", "source", "state", "status", "stream", "task", "timestamp", "until",
    "version", "window",
})  # fmt: skip
"""Names from the configuration, bounded words, moments: short text without anything that looks personal."""

COUNTS: Final = frozenset({
    "already_there", "attempts", "created", "lifted", "retry", "settled_later", "there", "batches", "bytes",
    "changes", "columns", "connections", "delivered", "drafted",
    "errors", "exit_code", "filtered", "groups", "held", "in_doubt", "keys", "left_out", "limit", "mappings",
    "max_attempts", "pages", "partitions", "parts", "pending", "pid", "polls", "port", "quota_left", "read",
    "records", "rejected", "rejects", "released", "repeated", "requests", "retracted", "retried", "retry_after",
    "revision", "revisions", "rows", "runs", "seconds", "size", "superseded", "suppressed", "suppressions",
    "targets", "total", "unsettled", "waiting", "warnings", "written",
    "verified", "unsubscribed", "bounced", "deleted", "left", "drifted", "back",  # what reconciling found
})  # fmt: skip
"""Numbers only: a text under one of these keys is masked."""

SENTENCES: Final = frozenset({"event", "error_message", "exception", "hint", "message"})
"""Text for people, masked where it looks personal."""

_META: Final = frozenset({"_record", "_from_structlog"})  # the formatter's own, taken off before anything is written

LONGEST_NAME = 120
"""Characters. A longer text is no name from a configuration, so it is masked."""

LONGEST_SENTENCE = 1000
"""Characters. Longer ones (a library that quotes a body) are cut, after masking."""

QUIET: Final = ("httpx", "httpcore", "apscheduler", "alembic", "asyncio", "uvicorn", "vcr")
"""Libraries that tell every step at INFO: heard from WARNING on, unless somebody is debugging."""

VALUES: Final = ("sqlalchemy",)
"""Libraries that put the values of rows (names, which no pattern can find) below WARNING: never heard there."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_KEY = re.compile(r"[a-z][a-z_]{0,39}")


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines, and doesn't quote the values of one that can't be written, as the standard handler does."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is the standard library's
        if sys.exc_info()[0] is not BrokenPipeError:
            self.stream.write(f"A log line of {_sentence(record.name)} could not be written.\n")


def configure(level: Level = "info", *, format: Literal["text", "json"] = "text", stream: TextIO | None = None) -> None:
    """Send all logs of this process, ours and the libraries', through the redaction to `stream` (standard error).

    `level` "debug" also lets the quiet libraries speak and adds (masked) tracebacks. May be called again; the last call
    stands. Handlers that a library put on the root for itself are taken off.
    """
    stream = stream or sys.stderr
    debug = level == "debug"
    on_every_line: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _explain_error(with_traceback=debug),
        _pass_allowed,
    ]
    handler = _Handler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *on_every_line],
            processors=[ProcessorFormatter.remove_processors_meta, _renderer(format, stream)],
        )
    )
    _route_libraries(handler, level=level.upper(), debug=debug)
    stamina.instrumentation.set_on_retry_hooks(())  # it would log each retry with the arguments of the call
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *on_every_line, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # so that a second `configure` reaches loggers that exist already
    )


def _route_libraries(handler: logging.Handler, *, level: str, debug: bool) -> None:
    """Make `handler` the only way out of the standard library's logging."""
    root = logging.getLogger()
    # Plain stream handlers are ours of an earlier call or what `basicConfig` left. Others (of a test) may stay.
    for other in [other for other in root.handlers if type(other) in (logging.StreamHandler, _Handler)]:
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(level)
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in (*QUIET, *VALUES):
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.NOTSET)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET if debug else max(logging.WARNING, root.level))
    for name in VALUES:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)


def _renderer(format: str, stream: TextIO) -> Processor:
    if format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), sort_keys=False, exception_formatter=structlog.dev.plain_traceback
    )


def _explain_error(*, with_traceback: bool) -> Callable[[Any, str, EventDict], EventDict]:
    """Turns an exception into its type and its sentence; where from is only for those who debug."""

    def explain(_logger: Any, _method: str, line: EventDict) -> EventDict:
        error = line.pop("exc_info", None)
        line.pop("stack_info", None)
        if isinstance(error, tuple):
            error = error[1]
        elif error and not isinstance(error, BaseException):
            error = sys.exc_info()[1]
        if isinstance(error, BaseException):
            line["error"] = type(error).__name__
            line["error_message"] = str(error)
            if with_traceback:
                line["exception"] = "".join(traceback.format_exception(error))
        return line

    return explain


def _pass_allowed(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The line with what the allow-lists let through; everything else keeps its key and loses its value."""
    allowed: dict[str, Any] = {}
    for key, value in line.items():
        if key in _META:
            allowed[key] = value
        elif key == "exception":
            allowed[key] = redact(str(value))
        elif key in SENTENCES:
            allowed[key] = _sentence(value)
        elif key in NAMES:
            allowed[key] = _name(value)
        elif key in COUNTS:
            allowed[key] = value if isinstance(value, int | float | None) else MASK
        else:
            allowed[key if _KEY.fullmatch(key) else "unknown_key"] = MASK
    return allowed


def _sentence(value: object) -> str:
    text = _CONTROL.sub(" ", redact(str(value)))
    return text if len(text) <= LONGEST_SENTENCE else f"{text[:LONGEST_SENTENCE]}…"


def _name(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case dt.datetime() | dt.date():
            return value.isoformat()
        case str() if len(value) <= LONGEST_NAME:
            return _CONTROL.sub(" ", redact(value))
        case _:
            return MASK

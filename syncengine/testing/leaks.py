"""Finds secrets and people in what a connector logs and raises, in every usual spelling."""

import logging
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from syncengine.logs import QUIET, VALUES, redact
from syncengine.testing.verdict import NotStaged, require
from syncengine.testing.wire import Spelling

LIBRARIES = (*QUIET, *VALUES)
"""Loggers that sit below the redaction: what they say is searched as it would be printed."""
CHAINED_DEPTH = 20
"""Causes of an error that are followed; a chain is never that long."""


class Watch:
    """Collects log lines and errors, and searches them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.errors: list[str] = []

    def keep(self, error: BaseException) -> None:
        """Remember an error: its sentence, all it carries, and whatever it shows of its causes."""
        seen: list[str] = []
        cause: BaseException | None = error
        while cause is not None and len(seen) < CHAINED_DEPTH:
            seen += [str(cause), repr(cause), repr(cause.args), repr(vars(cause))]
            cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        seen += traceback.format_exception_only(error)
        self.errors += seen

    def verify(self, private: Collection[str]) -> None:
        """Raise Broken where one of these texts stands anywhere; NotStaged without any text to look for."""
        if not private:
            raise NotStaged("the stage names no secret and no person to look for")
        spelling = Spelling(*private)
        require(not any(map(spelling.within, self.errors)), "an error shows a secret or a person")
        require(not any(map(spelling.within, self.lines)), "a log line shows a secret or a person")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear every logger at every level, the standard library's and structlog's; nobody else does."""
        root = logging.getLogger()
        level, handlers, before = root.level, root.handlers, structlog.get_config()
        root.handlers = [_Collector(self.lines)]
        root.setLevel(logging.DEBUG)
        structlog.configure(processors=[self._collect], wrapper_class=structlog.make_filtering_bound_logger(0))
        try:
            yield
        finally:
            structlog.configure(**before)
            root.setLevel(level)
            root.handlers = handlers

    def _collect(self, _logger: Any, _method: str, line: Any) -> Any:
        self.lines.append(repr(line))
        raise structlog.DropEvent


class _Collector(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        family = record.name.partition(".")[0]
        if family in VALUES and record.levelno < logging.WARNING:
            return  # never heard by anybody
        text = f"{record.getMessage()} {record.args!r}"
        if record.exc_info and record.exc_info[1] is not None:
            text += "".join(traceback.format_exception(record.exc_info[1]))
        self._lines.append(redact(record.getMessage()) if family in LIBRARIES else text)

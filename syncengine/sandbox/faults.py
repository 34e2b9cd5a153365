"""Failures on demand: what a network or a tired provider does, at the request of a test's choice."""

import re
import threading
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        problem = f"not a regular expression: {error}"
        raise ValueError(problem) from error
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]


class Fault(BaseModel):
    """One failure to inject, and the requests that it waits for.

    `method` must match the whole method, `path` and `query` are searched in the path and in the raw query string. The
    first `after` matching requests pass unharmed, the next `times` are hit.

    kind: `status` answers `status`, `headers` and `body` without any effect · `drop_before` cuts the connection without
    any effect · `drop_after` lets the effect happen and cuts without an answer · `truncate` lets it happen, sends the
    full headers and half of the body, and cuts · `delay` waits `seconds`, then all is normal · `malformed` answers 200
    with an HTML page, as a gateway would, without any effect.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["status", "drop_before", "drop_after", "truncate", "delay", "malformed"]
    method: Pattern = ".*"
    path: Pattern = ""
    query: Pattern = ""
    times: int = Field(default=1, ge=1)
    after: int = Field(default=0, ge=0)
    status: int = Field(default=503, ge=200, le=599)
    headers: dict[str, str] = {}
    body: str = ""
    seconds: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _needs_seconds(self) -> Self:
        if self.kind == "delay" and not self.seconds:
            problem = "a delay needs seconds"
            raise ValueError(problem)
        return self

    def matches(self, method: str, path: str, query: str) -> bool:
        """Whether this request is one of those that the fault waits for."""
        return (
            re.fullmatch(self.method, method) is not None
            and re.search(self.path, path) is not None
            and re.search(self.query, query) is not None
        )


class _Armed:
    """A fault with its two counters."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.after = fault.after
        self.times = fault.times

    def fires(self) -> bool:
        """Count one matching request; say whether it is hit."""
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return True


class Faults:
    """The faults still to come, and those that really happened, so that a test can tell that it tested something."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._lock = threading.Lock()
        self.injected: list[Fault] = []

    @property
    def pending(self) -> list[Fault]:
        """The faults that have not hit all their requests yet."""
        return [armed.fault for armed in self._armed]

    def add(self, *faults: Fault) -> None:
        """Arm faults; a request is hit by the first one that matches it and is due."""
        with self._lock:
            self._armed.extend(_Armed(fault) for fault in faults)

    def clear(self) -> None:
        """Forget the faults to come and those that happened."""
        with self._lock:
            self._armed.clear()
            self.injected.clear()

    def take(self, method: str, path: str, query: str) -> Fault | None:
        """The fault that hits this request, if any. A fault that is not due yet counts it and lets it pass."""
        with self._lock:
            for armed in list(self._armed):
                if armed.fault.matches(method, path, query) and armed.fires():
                    if not armed.times:
                        self._armed.remove(armed)
                    self.injected.append(armed.fault)
                    return armed.fault
        return None

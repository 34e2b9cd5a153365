"""What a sandbox remembers of each request, so that a test asserts what was sent and not what was meant."""

import json
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(slots=True)
class Seen:
    """One request as it was received, and how it was answered.

    `query` holds decoded pairs in the order sent. `headers` have lower-case names; Authorization is only "present" or
    "absent". `status` is None while no answer has left, "dropped" where the connection was cut without one. `fault` is
    the kind of the fault that hit it.
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes
    status: int | Literal["dropped"] | None = None
    fault: str | None = None

    @property
    def json(self) -> Any:
        """The body decoded as JSON. Raises ValueError where it is none."""
        return json.loads(self.body)

    def dump(self) -> dict[str, Any]:
        """The request as JSON for the control routes; bytes that are no UTF-8 are replaced."""
        return {
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "body": self.body.decode("utf-8", "replace"),
            "status": self.status,
            "fault": self.fault,
        }

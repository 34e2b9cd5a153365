"""What came back from a request, whole: for connectors, who get it from `syncengine.http`."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from syncengine.errors import ProviderError

__all__ = ["Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: any status that isn't retried or refused as unauthorised."""

    status: int
    headers: httpx.Headers
    content: bytes = field(repr=False)

    @property
    def good(self) -> bool:
        return httpx.codes.is_success(self.status)

    def json(self) -> Any:
        """The decoded body. Raises ProviderError where it isn't JSON; the body is never quoted."""
        try:
            return msgspec.json.decode(self.content)
        except msgspec.DecodeError:
            kind = "XML or HTML" if self.content.lstrip()[:1] == b"<" else "no JSON"
            raise ProviderError(
                f"The answer (status {self.status}, {len(self.content)} bytes) is {kind}.",
                hint="Check base_url: something else may be answering there.",
                code="not_json",
            ) from None

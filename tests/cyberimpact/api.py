"""The typed client before the sandbox, with a tap on the wire."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from connectors.cyberimpact.settings import CyberimpactSettings
from syncengine.contracts import Context
from syncengine.http import Answer, HttpFactory
from tests.clock import FakeClock
from tests.cyberimpact.conftest import TORONTO, NoMemory
from tests.cyberimpact.endpoints import Wiretap, promised

EASTERN = ZoneInfo("America/Toronto")


def body(answer: Answer, status: int = 200) -> dict[str, Any]:
    """What a good answer says."""
    assert answer.status == status
    found = msgspec.json.decode(answer.content)
    assert isinstance(found, dict)
    return found


def open_client(
    url: str, settings: Mapping[str, Any], clock: FakeClock, tap: Wiretap | None = None
) -> CyberimpactClient:
    http = HttpFactory("connections.cyberimpact", clock, {}, tap)
    checked = CyberimpactSettings.model_validate({"base_url": url, **settings})
    return CyberimpactClient(checked, Context(http, NoMemory(), clock, TORONTO))


@pytest.fixture
def tap(request: pytest.FixtureRequest) -> Any:
    """Afterwards: every endpoint that the test says it tries was answered well."""
    wiretap = Wiretap()
    yield wiretap
    missing = set(promised(request.function)) - wiretap.answered
    assert not missing, f"not tried: {', '.join(sorted(missing))}"


@pytest.fixture
async def client(
    vendor_server: tuple[CyberimpactSandbox, str], vendor: CyberimpactSandbox, clock: FakeClock, tap: Wiretap
) -> AsyncIterator[CyberimpactClient]:
    async with open_client(vendor_server[1], vendor.settings(), clock, tap) as opened:
        yield opened

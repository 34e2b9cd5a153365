"""A network at Invoca for these tests."""

import pytest
import stamina

from tests.clock import FakeClock
from tests.invoca.desk import ADVERTISER, CAMPAIGN, Desk
from tests.invoca.world import Network


@pytest.fixture(autouse=True)
def _quick_retries() -> object:
    """Repeats without waiting; as many as in earnest."""
    with stamina.set_testing(True, attempts=6, cap=True):
        yield


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def network(clock: FakeClock) -> Network:
    return Network(clock)


@pytest.fixture
def desk(network: Network) -> Desk:
    return Desk(network)


@pytest.fixture
async def campaign(desk: Desk) -> Desk:
    """With an advertiser, an affiliate and a campaign."""
    await desk.write("advertisers", ADVERTISER)
    await desk.write("affiliates", {"id_from_network": "aff-1", "name": "Acme Reviews"})
    await desk.write("campaigns", CAMPAIGN)
    desk.writes()
    return desk

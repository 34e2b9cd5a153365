"""Every endpoint of the API is called by the client and tried by a test, and the table in the docs says so."""

from connectors.cyberimpact.client import ENDPOINTS, CyberimpactClient
from connectors.cyberimpact.sandbox.service import ROUTES
from tests.cyberimpact.endpoints import DOCUMENT, EXERCISED, NEVER_CALLED, REFERENCE, table, updated


def test_the_sandbox_has_every_endpoint_of_the_reference_and_no_other() -> None:
    listed = [each.strip() for each in REFERENCE.split(",")]
    assert sorted(listed) == sorted(route.name for route in ROUTES)


def test_the_client_calls_every_endpoint_but_the_one_that_mints_tokens() -> None:
    assert set(ENDPOINTS) == {route.name for route in ROUTES} - {NEVER_CALLED}


def test_every_noted_method_is_one_of_the_client() -> None:
    assert all(hasattr(CyberimpactClient, name) for names in ENDPOINTS.values() for name in names)


def test_every_endpoint_of_the_client_is_tried_by_a_test() -> None:
    table()
    assert set(EXERCISED) == set(ENDPOINTS)


def test_the_table_in_the_docs_is_up_to_date() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert text == updated(text), "write it anew: python -m tests.cyberimpact.endpoints"

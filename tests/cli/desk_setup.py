"""A configuration for the desk of `plugin/`, and how to make its connectors known to a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncengine import registry

PLUGIN = Path(__file__).parent / "plugin"

CONFIG = """\
[engine]
timezone = "America/Toronto"

[connections.desk]
connector = "desk"
token = { env = "DESK_TOKEN" }

[mappings.letters]
source = "desk.tickets"
destination = "desk.letters"
schedule = "every 15 minutes"
where = "Status == 'NEW'"

[[mappings.letters.lookup]]
from = "desk.people"
key = "{{ Customer }}"
as = "person"
wait = "3 days"

[mappings.letters.fields]
email = "{{ person.email }}"
name = "{{ person.name }}"
groups = ["Writers"]
since = "{{ Opened }}"

[[mappings.letters.tests]]
name = "a new ticket"
given = { Id = "1", Customer = "C1", Status = "NEW", Opened = "2026-06-01T23:00:00-04:00" }
lookup = { person = { email = "Jo@Example.com", name = "jo" } }
expect = { email = "jo@example.com", name = "Jo", groups = ["Writers"], since = 2026-06-01 }
"""

ENVIRON = {"DESK_TOKEN": "desk-token-of-the-tests"}


def known_desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The body of a fixture: as if the desk's package were installed."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    registry._entries.cache_clear()
    yield
    registry._entries.cache_clear()

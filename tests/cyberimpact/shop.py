"""The engine over a real state, between a shop's sales and the sandbox: for what only both together can show."""

from pathlib import Path
from typing import Any

from connectors.cyberimpact.connection import CyberimpactConnection, CyberimpactConnector
from connectors.cyberimpact.contact_fields import ContactFields
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from mappings.mapping import compile_mapping
from mappings.spec import MappingSpec
from syncengine.binding import BoundMapping
from syncengine.contracts import Change, Context
from syncengine.engine.deliver import Prepared
from syncengine.engine.reconcile import Findings, Reconciler
from syncengine.engine.report import RunReport
from syncengine.engine.run import Runner
from syncengine.http import HttpFactory
from syncengine.session import Session
from syncengine.state.store import Store
from tests.clock import FakeClock
from tests.cyberimpact.conftest import TORONTO
from tests.engine.world import MemoryStream, Options

FIELDS = {
    "email": "{{ Customer }}",
    "relationType": "active-clients",
    "consentDate": "{{ At }}",
    "consentProof": "sale {{ Id }}",
}
TITLE, BOUND = "Partner: {{ Partner }}", {"key": "partner:{{ Order }}", "title": "Partner: {{ Partner }}"}
"""A partner's group by its title, and by the partner's id (the field Order of a sale)."""


class Shop:
    """Sales become contacts of the sandbox; `groups` is what the mapping says now."""

    def __init__(self, folder: Path, url: str, token: str, groups: list[Any], **settings: Any) -> None:
        self.clock = FakeClock()
        self.stream = MemoryStream()
        self._url = f"sqlite:///{folder / 'state.db'}"
        self._settings = {"token": token, "base_url": url, **settings}
        self.most_removals = 100
        self.store = Store.open(self._url, self.clock)
        self._opened: list[CyberimpactConnection] = []
        self.set_groups(groups)

    def set_groups(self, groups: list[Any], **settings: Any) -> None:
        """Another version of the mapping, and of the settings."""
        self._settings |= settings
        self._spec = MappingSpec.model_validate(
            {
                "source": "shop.sales",
                "destination": "mail.contacts",
                "start": "2020-01-01",
                "retract": "State == 'REVERSED'",
                "fields": FIELDS | {"groups": groups},
            }
        )

    def sell(self, id: str, customer: str, partner: str = "Acme", number: str = "7", **values: Any) -> None:
        """A sale of now through that partner, or another version of it."""
        old = next((each for each in reversed(self.stream.changes["one"]) if each.id == id), None)
        at = old.moment if old else self.clock.now()
        self.stream.put(id, at, **{"Customer": customer, "Partner": partner, "Order": number, **values})

    def read_again(self) -> None:
        """Every sale has changed, so that it is read by the mapping as it is now."""
        for record in {record.id: record for record in self.stream.changes["one"]}.values():
            values = {**dict(record.values), "Kind": f"{record.values['Kind']}!"}
            self.stream.put(record.id, record.moment, **{name: values[name] for name in values if name != "Id"})

    async def sync(self) -> RunReport:
        return await self._runner(self.store).sync(["sales"])

    async def plan(self) -> list[Change]:
        items: list[Prepared] = []
        with Store.open_copy(self._url, self.clock) as copied:
            await self._runner(copied).plan(["sales"], lambda destination, item: items.append(item))
        return [item.verdict.change for item in items if item.verdict.change is not None]

    async def reconcile(self) -> Findings:
        workspace: Any = None
        reconciler = Reconciler(
            Session(workspace, self.store, (), TORONTO), {"mail.contacts": self._contacts(self.store)}
        )
        report = await reconciler.run(["mail.contacts"])
        assert report.failures == []
        return reconciler.findings["mail.contacts"]

    async def close(self) -> None:
        for opened in self._opened:
            await opened.__aexit__(None, None, None)
        self.store.close()

    def _contacts(self, store: Store) -> Any:
        connector = CyberimpactConnector()
        http = HttpFactory("connections.mail", self.clock, {})
        context = Context(http, store.memory("mail"), self.clock, TORONTO)
        self._opened.append(connector.connect(connector.Settings.model_validate(self._settings), context))
        return self._opened[-1].destinations["contacts"]

    def _runner(self, store: Store) -> Runner:
        names = frozenset(ContactFields.model_fields)
        rule = compile_mapping(
            self._spec, record_fields=self.stream.fields, draft_fields=names, key_field="email", lookup_columns={}
        )
        mapping = BoundMapping(
            "sales", self._spec, rule, "shop.sales", self.stream, Options(), "mail.contacts", self._contacts(store),
            (), None,
        )  # fmt: skip
        workspace: Any = type("Bound", (), {"mappings": {"sales": mapping}})()
        return Runner(Session(workspace, store, (), TORONTO, self.most_removals))


def shop_at(folder: Path, vendor: CyberimpactSandbox, url: str, groups: list[Any], **settings: Any) -> Shop:
    """A shop whose contacts are in this sandbox."""
    return Shop(folder, url, vendor.settings()["token"], groups, **settings)

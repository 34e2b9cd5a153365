"""Who opts out of Outreach mail leaves the group, still a contact or not: the real engine over the sandbox."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from connectors.impact.partners import ADDED_FIELDS, CONTACT_FIELDS
from connectors.impact.sandbox import ImpactSandbox
from mappings.mapping import compile_mapping
from mappings.recipes import recipe_text
from mappings.spec import MappingSpec
from syncengine.binding import BoundMapping
from syncengine.engine.report import RunReport
from syncengine.engine.run import Runner
from syncengine.session import Session
from syncengine.state.store import Store
from tests.clock import NOON, FakeClock
from tests.engine.world import TORONTO, Fields, MemoryDestination
from tests.impact.conftest import connection
from tests.impact.provider import DAY
from tests.impact.wire import Wire

GROUP = "Partner newsletter"
ADA, ZOE = "ada@example.com", "zoe@example.com"


class Newsletter:
    """The recipe's conditions, over the people of one partner company. Each sync is a process of its own."""

    def __init__(self, folder: Path, sandbox: ImpactSandbox, clock: FakeClock) -> None:
        self.url = f"sqlite:///{folder / 'state.db'}"
        self.sandbox = sandbox
        self.clock = clock
        self.mail = MemoryDestination(clock)
        recipe = tomllib.loads(recipe_text("partner-newsletter"))["mappings"]["partner-newsletter"]
        kept = {name: recipe[name] for name in ("source", "where", "retract")}
        fields = {"email": "{{ EmailAddress }}", "name": "{{ FirstName }}", "groups": [GROUP]}
        self.spec = MappingSpec.model_validate({**kept, "destination": "mail.contacts", "fields": fields})
        self.rule = compile_mapping(
            self.spec,
            record_fields=CONTACT_FIELDS | ADDED_FIELDS,
            draft_fields=frozenset(Fields.model_fields),
            key_field="email",
        )
        sandbox.partners.add_partner("39787", "Acme Reviews", at=NOON - 400 * DAY)
        self.ids = {address: self.add(address) for address in (ADA, ZOE)}

    def add(self, address: str) -> str:
        return self.sandbox.partners.add_contact("1000", partners=["39787"], email_address=address).id

    def opt_out(self, address: str) -> None:
        self.sandbox.partners.unsubscribe("1000", address, "39787", at=self.clock.now())

    async def sync(self) -> RunReport:
        with Store.open(self.url, self.clock) as store:
            memory: Any = store.memory("impact")
            async with connection(self.clock, Wire(self.sandbox), memory, **self.sandbox.settings()) as own:
                stream = own.streams["partner_contacts"]
                bound = BoundMapping(
                    "partners", self.spec, self.rule, self.spec.source, stream, stream.Options(),
                    self.spec.destination, self.mail, (), None,
                )  # fmt: skip
                workspace: Any = type("Bound", (), {"mappings": {"partners": bound}})()
                report = await Runner(Session(workspace, store, (), TORONTO)).sync(["partners"])
        self.clock.move(6 * 3600)
        return report

    def members(self) -> set[str]:
        return {address for address, contact in self.mail.contacts.items() if GROUP in contact.groups.values()}


@pytest.fixture
def newsletter(tmp_path: Path, sandbox: ImpactSandbox, clock: FakeClock) -> Newsletter:
    return Newsletter(tmp_path, sandbox, clock)


async def test_who_is_no_contact_any_more_and_opts_out_leaves_the_group(newsletter: Newsletter) -> None:
    await newsletter.sync()
    newsletter.sandbox.partners.remove_contact("1000", newsletter.ids[ADA])
    await newsletter.sync()
    assert newsletter.members() == {ADA, ZOE}
    newsletter.opt_out("Ada@Example.com")
    report = await newsletter.sync()
    assert newsletter.members() == {ZOE}
    assert report.mappings[0].counts["retracted"] == 1
    again = await newsletter.sync()
    assert (again.mappings[0].counts["repeated"], again.mappings[0].counts["retracted"]) == (2, 0)


async def test_who_comes_back_by_another_id_after_an_opt_out_stays_out(newsletter: Newsletter) -> None:
    await newsletter.sync()
    newsletter.sandbox.partners.remove_contact("1000", newsletter.ids[ADA])
    newsletter.opt_out(ADA)
    await newsletter.sync()
    newsletter.add(ADA)
    await newsletter.sync()
    assert newsletter.members() == {ZOE}


async def test_the_new_address_of_whose_earlier_one_opted_out_never_joins(newsletter: Newsletter) -> None:
    await newsletter.sync()
    newsletter.opt_out(ADA)
    newsletter.sandbox.partners.update_contact("1000", newsletter.ids[ADA], email_address="ada@example.org")
    await newsletter.sync()
    assert newsletter.members() == {ZOE}
    assert "ada@example.org" not in newsletter.mail.contacts

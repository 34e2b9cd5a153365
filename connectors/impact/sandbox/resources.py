"""What is read besides actions, and the one thing that is written: campaigns, inquiries, partners and their people."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from connectors.impact.sandbox import wire
from connectors.impact.sandbox.book import Book
from connectors.impact.sandbox.inquiries import UNRESOLVED, Inquiries, check_resolution
from connectors.impact.sandbox.model import BASE, Company
from connectors.impact.sandbox.paging import Paging
from connectors.impact.sandbox.partners import Partners
from connectors.impact.sandbox.query import (
    CAMPAIGN_PARAMETERS,
    CONTACT_PARAMETERS,
    INQUIRY_PARAMETERS,
    INQUIRY_RANGES,
    INQUIRY_STATUSES,
    PARTNER_PARAMETERS,
    UNSUBSCRIBED_PARAMETERS,
    Missing,
    Parameters,
    Refused,
    general_page_size,
)
from connectors.impact.sandbox.rows import unsubscribed_row, wire_row
from connectors.impact.sandbox.switches import ImpactSwitches

UNSUBSCRIBED_PAGE_SIZE = 20
UNSUBSCRIBED_MAX_PAGE_SIZE = 1_000
"""Section 3."""


class Call(NamedTuple):
    """One admitted request: its ids, whether the answer is XML, and what its body says."""

    request: Request
    ids: tuple[str, ...]
    xml: bool
    form: Mapping[str, str]

    def parameters(self, known: frozenset[str], switches: ImpactSwitches) -> Parameters:
        """Its query. Raises Refused."""
        return Parameters(self.request.query_params.multi_items(), known, switches)


class Resources:
    """Answers for everything but actions and their updates. Its methods raise Refused and Missing."""

    def __init__(
        self, switches: ImpactSwitches, paging: Paging, book: Book, inquiries: Inquiries, partners: Partners
    ) -> None:
        self._switches = switches
        self._paging = paging
        self._book = book
        self._inquiries = inquiries
        self._partners = partners

    def handlers(self) -> dict[str, Callable[[Call], Response]]:
        """What answers at each endpoint, a PUT by its method's name before it."""
        return {
            "CompanyInformation": self.company,
            "Campaigns": self.campaigns,
            "Campaigns/*": self.campaign,
            "Campaigns/*/Contacts": self.contacts,
            "Campaigns/*/Contacts/*": self.contact,
            "Campaigns/*/UnsubscribedContacts": self.unsubscribed,
            "ActionInquiries": self.inquiries,
            "PUT ActionInquiries": self.resolve,
            "ActionInquiries/*": self.inquiry,
            "MediaPartners": self.partners,
            "MediaPartners/*": self.partner,
        }

    # --- the brand and its campaigns ---

    def company(self, call: Call) -> Response:
        """The brand; its time zone is spelt as a name here, which no document says."""
        return self._single(call, Company(timezone=self._switches.timezone), "CompanyInformation")

    def campaigns(self, call: Call) -> Response:
        """Sorted by id, filtered by name and state (section 4)."""
        parameters = call.parameters(CAMPAIGN_PARAMETERS, self._switches)
        name, state = parameters.text("Name"), parameters.text("State")
        found = [
            campaign
            for campaign in sorted(self._book.campaigns.values(), key=lambda campaign: int(campaign.id))
            if name in (None, campaign.name) and state in (None, campaign.state)
        ]
        return self._list(call, "Campaigns", parameters, found)

    def campaign(self, call: Call) -> Response:
        return self._single(call, self._book.campaigns.get(call.ids[0]), "Campaign")

    # --- inquiries ---

    def inquiries(self, call: Call) -> Response:
        """Newest first. No rule for windows is documented, and no filter tells of a resolution (section 5.3)."""
        parameters = call.parameters(INQUIRY_PARAMETERS, self._switches)
        campaign_id = parameters.campaign_id()
        exclusive = self._switches.window_ends == "exclusive"
        created, traded = (
            parameters.span(*names, exclusive=exclusive) for names in (INQUIRY_RANGES[kind] for kind in INQUIRY_RANGES)
        )
        status = parameters.choice("ResolutionStatus", INQUIRY_STATUSES)
        partner, order = parameters.text("MediaPartnerId"), parameters.text("OrderId")
        found = [
            inquiry
            for inquiry in self._inquiries.known.values()
            if inquiry.campaign_id == campaign_id
            and (created is None or created.holds(inquiry.creation_date))
            and (traded is None or traded.holds(inquiry.transaction_date))
            and status in (None, inquiry.resolution_status)
            and partner in (None, inquiry.media_partner_id)
            and order in (None, inquiry.order_id)
        ]
        found.sort(key=lambda inquiry: (inquiry.creation_date, inquiry.id), reverse=True)
        return self._list(call, "ActionInquiries", parameters, found)

    def inquiry(self, call: Call) -> Response:
        return self._single(call, self._inquiries.known.get(call.ids[0]), "ActionInquiry")

    def resolve(self, call: Call) -> Response:
        """PUT with the inquiry's Id in the form (section 6)."""
        check_resolution(call.form)
        inquiry = self._inquiries.known.get(call.form["Id"])
        if inquiry is None:
            raise Missing
        if inquiry.resolution_status != UNRESOLVED and self._switches.resolve_again == "refused":
            raise Refused("ResolutionStatus")
        self._inquiries.resolve(inquiry.id, call.form)
        return wire.done(BASE + inquiry.uri, xml=call.xml)

    # --- partner companies and their people ---

    def partners(self, call: Call) -> Response:
        """Sorted by creation; the dates in lower case mean DateLastUpdated (section 5.4)."""
        parameters = call.parameters(PARTNER_PARAMETERS, self._switches)
        wanted = parameters.text("Id")
        ids = None if wanted is None else set(wanted.split(","))
        campaign, state = parameters.text("CampaignId"), parameters.text("State")
        relationship = parameters.text("RelationshipState")
        updated = parameters.span("startDate", "endDate", exclusive=self._switches.window_ends == "exclusive")
        found = [
            partner
            for partner in sorted(self._partners.accounts.values(), key=lambda partner: partner.date_created)
            if (ids is None or partner.id in ids)
            and (campaign is None or campaign in {program.id for program in partner.programs})
            and state in (None, partner.state)
            and relationship in (None, partner.relationship)
            and (updated is None or updated.holds(partner.date_last_updated))
        ]
        return self._list(call, self._switches.partner_list_key, parameters, found)

    def partner(self, call: Call) -> Response:
        return self._single(call, self._partners.accounts.get(call.ids[0]), "Partner")

    def contacts(self, call: Call) -> Response:
        """All of a campaign: no filter tells what has changed."""
        parameters = call.parameters(CONTACT_PARAMETERS, self._switches)
        account, title = parameters.text("AccountId"), parameters.text("Title")
        found = [
            contact
            for contact in self._partners.contacts(self._campaign_id(call)).values()
            if (account is None or account in {known.id for known in contact.accounts})
            and title in (None, contact.title)
        ]
        return self._list(call, "Contacts", parameters, found)

    def contact(self, call: Call) -> Response:
        return self._single(call, self._partners.contacts(self._campaign_id(call)).get(call.ids[1]), "Contact")

    def unsubscribed(self, call: Call) -> Response:
        """Pages from 0, in an envelope of its own (section 3)."""
        parameters = call.parameters(UNSUBSCRIBED_PARAMETERS, self._switches)
        page = parameters.number("Page", least=0) or 0
        size = min(parameters.number("PageSize") or UNSUBSCRIBED_PAGE_SIZE, UNSUBSCRIBED_MAX_PAGE_SIZE)
        partner, email = parameters.text("PartnerId"), parameters.text("UserEmail")
        found = [
            known
            for known in self._partners.unsubscribed(self._campaign_id(call))
            if partner in (None, known.partner_id) and email in (None, known.user_email)
        ]
        shown = [unsubscribed_row(known) for known in found[page * size : (page + 1) * size]]
        return wire.unsubscribed_page(shown, page, size, len(found), xml=call.xml)

    # --- how ---

    def _campaign_id(self, call: Call) -> str:
        """The campaign of the path, if there is one. Raises Missing."""
        if call.ids[0] not in self._book.campaigns:
            raise Missing
        return call.ids[0]

    def _single(self, call: Call, found: msgspec.Struct | None, name: str) -> Response:
        if found is None:
            raise Missing
        wrapped = self._switches.single_object == "wrapped"
        return wire.single(wire_row(found, self._switches), name, xml=call.xml, wrapped=wrapped)

    def _list(self, call: Call, key: str, parameters: Parameters, found: Sequence[msgspec.Struct]) -> Response:
        """One page of a list that has no rules of its own for pages."""
        size = general_page_size(parameters, self._switches)
        page = parameters.number("Page") or 1
        shown = found[(page - 1) * size : page * size]
        listing = wire.Listing(key, page, size, len(found), len(shown))
        links = self._paging.links(call.request.url.path, call.request.url.query, listing)
        around = wire.envelope(listing, links, self._switches.scalars)
        rows = [wire_row(item, self._switches) for item in shown]
        if call.xml:
            return wire.list_xml(around, key, rows)
        return wire.list_json(around, key, [msgspec.json.encode(row) for row in rows], self._switches)

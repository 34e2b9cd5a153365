"""A local impact.com, written from the provider page and never from our client, so that the two can disagree."""

from connectors.impact.sandbox.account import ImpactSandbox
from connectors.impact.sandbox.book import Book
from connectors.impact.sandbox.inquiries import Inquiries
from connectors.impact.sandbox.model import Action, ActionUpdate, Campaign, Partner
from connectors.impact.sandbox.partners import Partners
from connectors.impact.sandbox.postbacks import Hook
from connectors.impact.sandbox.switches import ImpactSwitches

__all__ = [
    "Action",
    "ActionUpdate",
    "Book",
    "Campaign",
    "Hook",
    "ImpactSandbox",
    "ImpactSwitches",
    "Inquiries",
    "Partner",
    "Partners",
]

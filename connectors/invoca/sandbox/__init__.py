"""A local Invoca, written from the provider page and never from our client, so that the two can disagree."""

from connectors.invoca.sandbox.account import InvocaSandbox
from connectors.invoca.sandbox.book import Book
from connectors.invoca.sandbox.model import Entry, Row
from connectors.invoca.sandbox.network import Network
from connectors.invoca.sandbox.switches import InvocaSwitches

__all__ = ["Book", "Entry", "InvocaSandbox", "InvocaSwitches", "Network", "Row"]

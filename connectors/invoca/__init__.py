"""Invoca: calls, transactions, the objects of a network, and signals."""

from connectors.invoca.connection import InvocaConnection, InvocaConnector
from connectors.invoca.settings import InvocaSettings

__all__ = ["InvocaConnection", "InvocaConnector", "InvocaSettings"]

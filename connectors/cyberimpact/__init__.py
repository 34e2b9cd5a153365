"""Cyberimpact: contacts, their groups and their consent."""

from connectors.cyberimpact.connection import CyberimpactConnector

__all__ = ["CyberimpactConnector"]

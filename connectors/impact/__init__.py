"""impact.com (Brand API v14): actions, inquiries, partners and campaigns; inquiries can be resolved."""

from connectors.impact.connection import ImpactConnection, ImpactConnector
from connectors.impact.settings import ImpactSettings

__all__ = ["ImpactConnection", "ImpactConnector", "ImpactSettings"]

"""impact.com (Brand API v14): the streams `actions` and `campaigns`."""

from connectors.impact.connection import ImpactConnection, ImpactConnector
from connectors.impact.settings import ImpactSettings

__all__ = ["ImpactConnection", "ImpactConnector", "ImpactSettings"]

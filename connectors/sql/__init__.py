"""Lookups in the merchant's own database: any SQLAlchemy address, read-only, keys in and rows out as text."""

from connectors.sql.connector import SqlConnector

__all__ = ["SqlConnector"]

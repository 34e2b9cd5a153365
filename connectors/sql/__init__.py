"""The merchant's own database, by any SQLAlchemy address: asked by key and read-only, and tables that are written."""

from connectors.sql.connector import SqlConnector

__all__ = ["SqlConnector"]

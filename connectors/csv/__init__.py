"""Lookups in CSV files of any size: indexed once, asked by key, refreshed when the file has changed."""

from connectors.csv.connector import CsvConnector

__all__ = ["CsvConnector"]

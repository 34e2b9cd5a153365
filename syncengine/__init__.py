"""The engine: reads, plans and delivers; knows no provider by name."""

__version__ = "0.1.0"

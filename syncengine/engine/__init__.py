"""The life of a record, one room per step: read → plan → deliver. Knows no provider by name."""

"""What is kept of a request that was taken, so that after a crash it is known what to ask for, and about what."""

from typing import Final

ASKED: Final = "optin"
"""The kind of a request for an opt-in: it was taken, and nothing is left to be found out."""


def write_receipt(kind: str, number: str) -> str:
    """The number of a batch, and before it what kind it is; one that adds contacts needs no word."""
    return f"{kind}:{number}" if kind else number


def read_receipt(receipt: str) -> tuple[str, str]:
    """Kind and number."""
    kind, _, number = receipt.rpartition(":")
    return kind, number

"""How much may be taken away, or found to have gone, before a person has to say yes."""

from typing import Final, NamedTuple

__all__ = ["DELETIONS", "DEPARTURES", "SHARE_OF_REMOVALS", "Limit"]


class Limit(NamedTuple):
    """So many, and so large a share of all (0 to 1): both must be passed, so that a small account isn't stopped by a
    handful, nor a large one by its ordinary days.
    """

    most: int
    share: float

    def passed(self, number: int, total: int) -> bool:
        """Whether that many out of so many are too many."""
        return number > self.most and number > self.share * total


SHARE_OF_REMOVALS: Final = 0.1
"""A tenth of all contacts reversed between two runs is no ordinary day; `engine.most_removals` is the number."""
DELETIONS: Final = Limit(50, 0.1)
"""People tidy up by the dozen; more at once looks like a list that came short, or an account that was emptied."""
DEPARTURES: Final = Limit(100, 0.1)
"""The same for memberships in groups, of which a person may have several."""

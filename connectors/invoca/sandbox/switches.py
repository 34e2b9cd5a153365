"""What nobody knows about Invoca: the sandbox can behave either way, and the connector must survive each."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from syncengine.sandbox.kit import Switches


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        problem = "no time zone of that name"
        raise ValueError(problem) from error
    return name


class InvocaSwitches(Switches):
    """One switch per unknown or conflict of invoca.md section 9, the documented or likeliest value first."""

    # --- access (sections 1 and 2) ---
    auth: Literal["header", "bearer", "everything"] = "header"
    """`header`: the raw token only; `bearer`: also with the scheme; `everything`: also oauth_token and Basic."""
    role: Literal["network", "advertiser", "affiliate"] = "network"
    versions: Literal["any", "exact"] = "any"
    """`any`: every date from 2013-03-22 on; `exact`: only the newest published one of the product."""

    # --- transactions (section 4) ---
    over_limit: Literal["clamp", "403"] = "clamp"
    unknown_cursor: Literal["empty", "oldest", "404"] = "empty"
    corrections: Literal["chain", "star"] = "chain"
    correction_start: Literal["keep", "shift"] = "keep"
    """`shift`: a correction starts an hour later than the row that it replaces."""
    superseded_readable: bool = True
    newest_first_in_ties: bool = False
    """Rows of one start time come in a window newest first, so that a correction precedes its original."""
    timezone: Annotated[str, AfterValidator(_zone)] = "America/Los_Angeles"
    numbers: Literal["ints", "text"] = "ints"
    start_time_utc: Literal["int", "text"] = "int"
    ranking: Literal["-1", "new"] = "-1"
    custom_data_key: Literal["name", "partner_name"] = "name"
    shadowed: bool = False
    """A customer's own field is called `city`, and its value stands in that column."""
    extra_column: bool = False
    page_rows: int = Field(default=4000, ge=1)
    """The most rows of a page, whatever `limit` says: documented as 4000."""

    # --- network objects (section 3) ---
    partial_put: Literal["replaces", "merges"] = "replaces"
    repeated_own_number: Literal["new", "upsert", "403"] = "new"
    """What a second POST to promo_numbers_by_id/<id> does."""
    delete_with_campaigns: Literal[403, 409, 404] = 403
    delete_campaign: Literal[403, 404, 405] = 403
    numbers_of_ids: Literal["text", "number"] = "text"

    # --- errors (section 3.4) ---
    error_shape: Literal["documented", "text", "xml", "message"] = "documented"
    random_words: bool = False

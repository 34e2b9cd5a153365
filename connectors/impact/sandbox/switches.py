"""What nobody knows about impact.com: the sandbox can behave either way, and the connector must survive each."""

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


class ImpactSwitches(Switches):
    """One switch per unknown or conflict of impact.md section 11, the documented or likeliest value first."""

    # --- format (sections 1 to 3) ---
    format_without_accept: Literal["xml", "json"] = "xml"
    scalars: Literal["strings", "schema"] = "strings"
    empty_list: Literal["array", "absent", "null"] = "array"
    """`absent`: no list key; `null`: the whole body is null."""
    list_key: Literal["present", "absent"] = "present"
    """`absent`: rows are counted, but their key is missing. Never seen; a client must not take it for an empty list."""
    single_object: Literal["bare", "wrapped"] = "bare"
    timezone: Annotated[str, AfterValidator(_zone)] = "America/Los_Angeles"

    # --- errors (section 7) ---
    rule_status: Literal[400, 402] = 400
    error_body: Literal["envelope", "empty", "xml"] = "envelope"
    bad_filter: Literal["ignore", "error"] = "ignore"
    """What a malformed or unknown parameter does."""

    # --- windows and pages (sections 3 and 4) ---
    small_page_size: Literal["error", "clamp", "accept"] = "error"
    window_rules_on_other_dates: bool = True
    """Whether 45 days and 3 years hold for ActionDate* and LockingDate* too."""
    other_dates_replace_default: bool = True
    """Whether ActionDate* or LockingDate* switch off the 7-day default."""
    window_ends: Literal["inclusive", "exclusive"] = "inclusive"
    ignored_filters: frozenset[str] = frozenset()
    """Names of parameters that are ignored although they are well-formed."""
    locking_504: Literal["off", "once", "wide", "always"] = "off"
    """`once`: the first time that a query is asked; `wide`: ranges longer than a day."""
    next_uri: Literal["clean", "repeats_once", "drops_json", "self_loop", "cycle"] = "clean"
    """`repeats_once`: each page names itself as the next one, the first time; `self_loop`: always; `cycle`: the last
    page names the first."""
    page_drift: Literal["off", "insert", "leave"] = "off"
    """What happens after each page that has a next one. `insert`: a row appears at the top of the list; `leave`: a row
    of that page is modified now, and so leaves a StartDate range that lies in the past."""
    edge_rows_twice: bool = False
    """The last row of a page comes again as the first one of the next."""
    latency: float = Field(default=0.0, ge=0)
    """Seconds from a row's own date until it can be read."""

    # --- life of an action (section 4) ---
    approval_creates_update: bool = False
    update_state_frozen: bool = True
    """Whether ActionUpdate.State is the one at that update; else it is the action's present one."""

    # --- access (sections 1 and 7) ---
    forbidden: frozenset[str] = frozenset()
    """First parts of the paths below the account that the token's scope lacks: {"ActionUpdates"}."""
    rate_headers: Literal["brand", "partner", "both", "none"] = "brand"
    rate_reset: Literal["seconds", "epoch"] = "seconds"
    retry_after: bool = True
    rate_limit: int = Field(default=1000, ge=1)
    """Requests per hour (section 7)."""
    rate_enforced: bool = False

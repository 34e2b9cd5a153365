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
    nested_single_item: Literal["array", "object"] = "array"
    """`object`: Accounts of one item is {"Account": {…}}, under its singular name, as it was seen."""
    nested_empty: Literal["array", "text", "null"] = "array"
    """What a nested list without items is; `text`: ""."""
    partner_list_key: Literal["Partners", "MediaPartners"] = "Partners"
    timezone: Annotated[str, AfterValidator(_zone)] = "America/Los_Angeles"

    # --- errors (section 7) ---
    rule_status: Literal[400, 402] = 400
    error_body: Literal["envelope", "empty", "xml"] = "envelope"
    bad_filter: Literal["ignore", "error"] = "ignore"
    """What a malformed or unknown parameter does."""
    write_body: Literal["form", "form_or_json"] = "form"
    """What a PUT may carry (section 1)."""
    resolve_again: Literal["accepted", "refused"] = "accepted"
    """Whether an inquiry that is resolved can be resolved once more. Nobody says."""

    # --- windows and pages (sections 3 and 4) ---
    small_page_size: Literal["error", "clamp", "accept"] = "error"
    max_page_size: int = Field(default=20_000, ge=1)
    """The most rows on a page of Actions and ActionUpdates, whatever is asked: a small one makes many pages."""
    updates_have_page_rules: bool = True
    """Whether ActionUpdates has the 20,000 and 2,000 of Actions (older page), or the general default and no minimum."""
    general_page_size: int = Field(default=1_000, ge=1)
    """The default of all other lists, and their most; 100 was observed."""
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
    page_drift: Literal["off", "insert", "leave", "create"] = "off"
    """What happens after each page that has a next one. `insert`: a row appears at the top of the list; `leave`: a row
    of that page is modified now, and so leaves a StartDate range that lies in the past; `create`: an action is tracked
    now, which shifts only a list that reaches to the present."""
    edge_rows_twice: bool = False
    """The last row of a page comes again as the first one of the next."""
    latency: float = Field(default=0.0, ge=0)
    """Seconds from a row's own date until it can be read."""

    # --- life of an action (section 4) ---
    approval_creates_update: bool = False
    update_state_frozen: bool = True
    """Whether ActionUpdate.State is the one at that update; else it is the action's present one."""

    approves_by_date: bool = False
    """Each request first approves what has reached its LockingDate; else `Book.approve_due` does it when called."""
    early_approval_date: Literal["kept", "moved", "empty"] = "kept"
    """LockingDate after a manual approval before it; `moved`: the midnight at which the day of the approval began."""
    change_after_locking: Literal["accepted", "refused"] = "accepted"
    """Whether `Book` lets an action that isn't approved change after its LockingDate; the documents say no."""

    # --- event notifications (section 10) ---
    postback_order: Literal["kept", "mixed"] = "kept"
    postback_duplicates: bool = False
    postback_retry: Literal["never", "once"] = "never"
    """What follows an answer that isn't 2xx, or none."""
    postback_customer_tokens: bool = False
    """Whether {CustomerId} and {Oid} are tokens: not confirmed."""
    postback_unknown: Literal["kept", "empty"] = "kept"
    """What stands where a token that nobody knows was."""

    # --- access (sections 1 and 7) ---
    forbidden: frozenset[str] = frozenset()
    """What the token's scope lacks: paths below the account without ids, and all below them, of every method or of one:
    {"ActionUpdates", "Campaigns/Contacts", "PUT ActionInquiries"}."""
    rate_headers: Literal["brand", "partner", "both", "none"] = "brand"
    rate_reset: Literal["seconds", "epoch"] = "seconds"
    retry_after: bool = True
    rate_limit: int = Field(default=1000, ge=1)
    """Requests per hour (section 7)."""
    rate_groups: dict[str, int] = Field(default_factory=dict)
    """Requests per hour of single endpoints, counted apart from the others: {"Actions": 500} (partner documents)."""
    rate_enforced: bool = False

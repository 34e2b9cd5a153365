"""What nobody knows about Cyberimpact, so that a client can be tried against every possible answer.

The rows are those of cyberimpact.md section 11 and some of its list of unknowns; the default is the first value.
"""

from typing import Literal

from pydantic import Field

from syncengine.sandbox.kit import Switches


class CyberimpactSwitches(Switches):
    """One field per unknown; assignment is validated."""

    # adding
    create_existing: Literal[409, 422] = 409
    """POST /members (or a changed e-mail) on an address that is there."""
    add_suppressed: Literal["refused", "silent", "revives"] = "refused"
    """Adding an unsubscribed or bounced address: stays off with an error, stays off with a success, comes back."""
    read_suppressed: Literal["hidden", "shown"] = "hidden"
    """/members/{key} and what is below it, for an unsubscribed or bounced address: 404 or 200."""
    optin_creates: Literal["after_confirmation", "at_once"] = "after_confirmation"
    email_case: Literal["insensitive", "sensitive"] = "insensitive"
    put_drops_groups: bool = False
    """PUT /members/{key} without `groups` empties them."""
    group_title_taken: Literal["allowed", "refused"] = "allowed"
    """POST /groups with a title that is there."""

    # groups, templates and mailings
    group_in_use: Literal["deleted", "refused"] = "deleted"
    """DELETE of a group that a mailing goes to; the help says that some can't be deleted, not which."""
    template_title_taken: Literal["allowed", "refused"] = "allowed"
    send_at_zone: Literal["eastern", "utc"] = "eastern"
    """The zone of `sendAt`, which no document states."""
    send_at_missing: Literal["now", "refused"] = "now"
    unknown_sender: Literal["refused", "taken"] = "refused"
    """`mailFrom` that is not a validated sender."""
    cancel_sent: Literal[409, 422] = 422
    """DELETE of a mailing that has gone out."""

    # access
    legacy_login: Literal["off", "on"] = "off"
    """Whether the login with a user's name and password still works."""

    # errors and throttling
    error_body: Literal["message", "errors", "error", "text"] = "message"
    error_wording: Literal["fixed", "random"] = "fixed"
    throttle_answer: Literal["retry_after", "bare", "unavailable"] = "retry_after"
    """429 with Retry-After, 429 without, 503 without."""
    throttle_per_minute: int = Field(default=60, ge=1)
    """How many POST /members and optins pass in a minute; the number is unknown."""
    throttle_everything: bool = False
    """Batches and GETs count too."""
    lost_answers: bool = False
    """Every other POST takes effect and gets no answer, the first one included."""

    # batches
    batch_progress: Literal["completes", "stuck", "stuck_applied", "unknown_word"] = "completes"
    """`stuck`: PROCESSING for ever, without effect; `stuck_applied`: the same with its effect."""
    batch_unknown_word: str = "DONE"
    batch_polls: int = Field(default=2, ge=0)
    """How often a poll says NEW or PROCESSING before the batch is done."""
    batch_seconds: float | None = Field(default=None, ge=0)
    """Set: the clock decides instead of the number of polls."""
    batch_maximum: int | None = Field(default=None, ge=1)
    """The most members or ids in one batch; over it the whole batch is refused with 422."""
    batch_bad_value: Literal["refused", "row_error"] = "refused"
    """A typed value without meaning (language, country, custom field, not an e-mail): the whole batch or its row."""
    result_order: Literal["shuffled", "as_sent"] = "shuffled"
    error_rows: Literal["id", "email", "member_id"] = "id"
    """addMembers: {id: the e-mail as sent}, {email: …}, or {id: the number of the contact, where there is one}."""
    error_rows_unasked: Literal["shown", "absent"] = "shown"
    """Whether the error rows are there without showErrorDetails=true."""
    success_rows: Literal["as_sent", "member_id", "objects"] = "as_sent"
    """addMembers: the e-mail as sent, the number of the contact, or {id, email}."""
    weaker_consent: Literal["row_error", "kept"] = "row_error"
    """An implied basis for an express contact: the row has no effect, or all but its consent is taken."""
    duplicate_rows: Literal["last_wins", "row_error"] = "last_wins"
    undated_consent: Literal["today", "none"] = "today"
    """The consent date of a row that states none."""
    custom_empty: Literal["clears", "refused"] = "clears"
    """`__EMPTY__` as the value of a custom field."""

    # consent, dates and lists
    implied_over_implied: Literal["taken", "refused"] = "taken"
    """PUT consent with an implied basis over an implied one: whether it may move is unknown (422?)."""
    updated_moves: bool = False
    """Changes of groups, consent and custom fields move `updatedOn` too."""
    null_updated_matches: bool = False
    """A filter on `updatedOn` finds contacts that were never updated."""
    bounce_dates: Literal["given", "null"] = "given"
    """The vendor's samples show `hardBouncedOn: null`."""
    iso_offset: Literal["php", "colon"] = "php"
    """ISO8601 with -0500 as PHP writes it, or -05:00; ATOM has the colon always."""
    delete_forgets: bool = True
    """Deleting an unsubscribed or bounced contact forgets that state too."""
    past_last_page: Literal["empty", "404"] = "empty"
    most_rows: int = Field(default=10_000, ge=1)
    """A server that gives fewer rows than the documented maximum of `limit`."""
    page_ignored: bool = False
    """Every page is the first one: a list whose pages never end."""
    over_limit: Literal["clamped", "422"] = "clamped"
    unsorted_order: Literal["by_id", "random"] = "by_id"
    """The order of a list without `sort`; `random` differs from page to page."""

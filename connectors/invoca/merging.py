"""What an update writes of an object: what is wanted over what is there, whole, and without what is only shown."""

from typing import Any

Object = dict[str, Any]
READ_ONLY = frozenset({"id", "object_url", "can_login_via_platform", "oauth_refresh_token", "api_key"})
"""Shown, and never written (invoca.md section 3.3)."""


def writable(there: Object) -> Object:
    """What may be written back of an object, at any depth."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: clean(inner) for name, inner in value.items() if name not in READ_ONLY}
        return [clean(each) for each in value] if isinstance(value, list) else value

    return {name: clean(value) for name, value in there.items() if name not in READ_ONLY}


def merged(there: Object, wanted: Object) -> Object:
    """The whole object as it should be. Custom data are merged one by one."""
    custom = {**(there.get("custom_data") or {}), **(wanted.get("custom_data") or {})}
    return {**there, **wanted, **({"custom_data": custom} if custom else {})}


def terms(there: Object | None) -> Object:
    """The terms of a campaign as the next `go_live` would make them."""
    seen = there or {}
    return {**(seen.get("current_terms") or {}), **(seen.get("future_terms") or {})}


def differs(wanted: Object, there: Object) -> bool:
    """Whether anything would change; ids and numbers come as text and as numbers (section 3.1)."""
    return any(_plain(value) != _plain(there.get(name)) for name, value in wanted.items())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return "" if value is None else str(value)

"""The Network Integration API: advertisers, affiliates, campaigns and promo numbers (invoca.md section 3)."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from connectors.invoca.sandbox.errors import (
    Refused,
    bad_transition,
    invalid,
    invalid_email,
    invalid_tree,
    not_allowed,
    not_found,
)
from connectors.invoca.sandbox.switches import InvocaSwitches

APPROVALS = frozenset({"Applied", "Approved", "Declined", "Suspended", "Archived"})
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 2, 60
"""Seconds that `go_live` may be told to wait."""
TRANSITIONS = {
    "Applied": frozenset({"Approved", "Declined"}),
    "Approved": frozenset({"Suspended"}),
    "Suspended": frozenset({"Approved"}),
    "Declined": frozenset({"Approved"}),
}
FLAT = frozenset({"name", "id_from_network", "custom_data"})
"""What of a campaign is no term."""
REFRESH_TOKEN = "made-up-refresh-token"  # noqa: S105 - a made-up one


class Reply(NamedTuple):
    """An answer that is no refusal."""

    body: Any
    status: int = HTTPStatus.OK


Path = tuple[str, ...]


class Network:
    """Everything under /api/<version>/<network_id>, by its path. Lists are bare arrays, without paging."""

    def __init__(self, switches: InvocaSwitches) -> None:
        self._switches = switches
        self._made = 43000
        self.objects: dict[Path, dict[str, Any]] = {}

    def clear(self) -> None:
        self.objects.clear()
        self._made = 43000

    def answer(self, method: str, path: Path, body: Mapping[str, Any]) -> Reply:
        """One request. Raises Refused."""
        match path:
            case ("network",) if method == "GET":
                return Reply({"id": 1, "name": "Maple Network", "users": []})
            case ("advertisers" | "affiliates",) | ("advertisers" | "affiliates", _):
                return self._organisation(method, path, body)
            case ("advertisers", _, "advertiser_campaigns") | ("advertisers", _, "advertiser_campaigns", _):
                return self._campaign(method, path, body)
            case ("advertisers", _, "advertiser_campaigns", _, "go_live" | "archive" | "unarchive") if method == "POST":
                return self._step(path, body)
            case ("advertisers", _, "advertiser_campaigns", _, "affiliate_campaigns") if method == "GET":
                return Reply(self._below(path[:4], "affiliates", 6))
            case ("advertisers", _, "advertiser_campaigns", _, "affiliates", _, "affiliate_campaigns"):
                return self._affiliate_campaign(method, path[:6], body)
            case (
                "advertisers",
                _,
                "advertiser_campaigns",
                _,
                "promo_numbers" | "promo_numbers_by_id",
                *_,
            ):
                return self._promo_number(method, path, body)
        raise not_found("Route")

    # --- advertisers and affiliates ---

    def _organisation(self, method: str, path: Path, body: Mapping[str, Any]) -> Reply:
        collection = path[0]
        if len(path) == 1:
            if method == "GET":
                return Reply(self._in(path))
            if method == "POST":
                return Reply(self._write((collection, self._id_of(body)), body, self._check_organisation))
        else:
            if method == "GET":
                return Reply(self._known(path))
            if method == "PUT":
                return Reply(self._write(path, {**body, "id_from_network": path[1]}, self._check_organisation))
            if method == "DELETE":
                return self._delete_organisation(path)
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, {})

    def _check_organisation(self, path: Path, made: dict[str, Any]) -> None:
        if not made.get("name"):
            raise invalid("name", "can't be blank")
        same = [at for at, each in self.objects.items() if at[0] == path[0] and len(at) == len(path)
                and each["name"] == made["name"] and at != path]  # fmt: skip
        if same:
            raise invalid("name", "has already been taken")
        state = "approval_status" if path[0] == "advertisers" else "status"
        if made.setdefault(state, "Approved") not in APPROVALS:
            raise invalid(state)
        for user in made.setdefault("users", []):
            if not any("@" in each.get("email_address", "") for each in user.get("email_settings", [])):
                raise invalid_email()
        made.setdefault("sites", [])
        made["oauth_refresh_token"] = REFRESH_TOKEN

    def _delete_organisation(self, path: Path) -> Reply:
        if any(
            len(at) > len(path) and path in {at[:2], at[4:6]} for at in self.objects
        ):  # below it, or its part in one
            match self._switches.delete_with_campaigns:
                case HTTPStatus.FORBIDDEN:
                    raise not_allowed()
                case status:
                    raise Refused(status, {"errors": {"base": ["has campaigns"]}})
        self.objects.pop(path, None)  # deleting what is deleted does nothing
        return Reply({})

    # --- advertiser campaigns ---

    def _campaign(self, method: str, path: Path, body: Mapping[str, Any]) -> Reply:
        self._known(path[:2])
        if path[-1] == "advertiser_campaigns":  # the collection
            if method == "GET":
                return Reply(self._in(path))
            if method == "POST":
                return Reply(self._write_campaign((*path, self._id_of(body)), body))
        elif method == "GET":
            return Reply(self._known(path))
        elif method == "PUT":
            return Reply(self._write_campaign(path, body))
        if method == "DELETE":
            raise Refused(self._switches.delete_campaign, {"errors": {"base": ["can't be deleted"]}})
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, {})

    def _write_campaign(self, path: Path, body: Mapping[str, Any]) -> dict[str, Any]:
        """Written flat, read nested: terms wait in `future_terms` until `go_live`."""
        if "ivr_tree" in body and not body["ivr_tree"]:
            raise invalid_tree()
        before = self.objects.get(path)
        terms = {name: value for name, value in body.items() if name not in FLAT}
        made = before or {"id": self._number(), "status": "Entry", "current_terms": None, "future_terms": {}}
        name = body.get("name", made.get("name"))
        if not name:
            raise invalid("name", "can't be blank")
        future = {**(made["future_terms"] or made["current_terms"] or {}), **terms} if before else terms
        own = {"id_from_network": self._shown_id(path[3]), "name": name}
        if "custom_data" in body:
            own["custom_data"] = body["custom_data"]
        self.objects[path] = {**made, **own, "future_terms": future}
        return self.objects[path]

    def _step(self, path: Path, body: Mapping[str, Any]) -> Reply:
        campaign = self._known(path[:4])
        match path[4]:
            case "go_live":
                timeout = body.get("timeout", LONGEST_TIMEOUT)
                if not isinstance(timeout, int) or not SHORTEST_TIMEOUT <= timeout <= LONGEST_TIMEOUT:
                    raise invalid("timeout")
                if campaign["future_terms"]:
                    campaign["current_terms"], campaign["future_terms"] = campaign["future_terms"], {}
                if not campaign["current_terms"]:
                    raise bad_transition(campaign["status"])
                campaign["status"] = "Activated"
                return Reply(campaign)
            case "archive":
                campaign["status"] = "Archived"
            case _:
                campaign["status"] = "Entry"
        return Reply({})

    # --- affiliate campaigns ---

    def _affiliate_campaign(self, method: str, path: Path, body: Mapping[str, Any]) -> Reply:
        self._known(path[:4])
        self._known(("affiliates", path[5]))
        if method == "GET":
            return Reply(self._known(path))
        if method not in {"POST", "PUT"}:
            raise not_allowed()
        before = self.objects.get(path)
        status = body.get("status", before["status"] if before else "Applied")
        if status not in TRANSITIONS:
            raise invalid("status")
        if before is None and status != "Applied":
            raise bad_transition("none")
        if before is not None and status not in TRANSITIONS[before["status"]] | {before["status"]}:
            raise bad_transition(before["status"])
        own = {"id": before["id"]} if before else {"id": self._number()}
        self.objects[path] = {**own, "affiliate_id_from_network": path[5], "status": status, "current_terms": None}
        return Reply(self.objects[path])

    # --- promo numbers ---

    def _promo_number(self, method: str, path: Path, body: Mapping[str, Any]) -> Reply:
        campaign, kind, own = path[:4], path[4], path[5:]
        self._known(campaign)
        listed = {at: each for at, each in self.objects.items() if at[:5] == (*campaign, "promo_numbers")}
        if kind == "promo_numbers":
            found = listed.get(path) if own else None
        else:
            found = next((each for each in listed.values() if own and each.get("id_from_network") == own[0]), None)
        match method, bool(own):
            case "GET", False:
                return Reply(list(listed.values()))
            case "POST", _:
                return self._buy(campaign, kind, {**body, **({"id_from_network": own[0]} if own else {})}, listed)
            case "GET", True:
                if found is None:
                    raise not_found("Promo number")
                return Reply(found)
            case "PUT", True:
                if found is None:
                    return self._buy(campaign, kind, {**body, "id_from_network": own[0]}, listed)
                found.update(body)
                return Reply(found)
            case "DELETE", True:
                if found is not None:
                    del self.objects[(*campaign, "promo_numbers", found["promo_number"])]
                return Reply({})
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, {})

    def _buy(self, campaign: Path, kind: str, body: Mapping[str, Any], listed: Mapping[Path, dict[str, Any]]) -> Reply:
        """Every POST buys a number (section 3.1)."""
        for name in ("description", "media_type"):
            if not body.get(name):
                raise invalid(name, "can't be blank")
        if kind == "promo_numbers_by_id":
            if not body.get("id_from_network"):
                raise invalid("id_from_network", "can't be blank")
            same = [each for each in listed.values() if each.get("id_from_network") == body["id_from_network"]]
            if same and self._switches.repeated_own_number == "403":
                raise invalid("id_from_network", "has already been taken")
            if same and self._switches.repeated_own_number == "upsert":
                same[0].update(body)
                return Reply(same[0], HTTPStatus.CREATED)
        number = self._number()
        bought = {"id_from_network": None, **body, "id": number, "promo_number": f"866555{number % 10000:04d}"}
        self.objects[(*campaign, "promo_numbers", bought["promo_number"])] = bought
        return Reply(bought, HTTPStatus.CREATED)

    # --- what they share ---

    def _write(
        self, path: Path, body: Mapping[str, Any], check: Callable[[Path, dict[str, Any]], None]
    ) -> dict[str, Any]:
        before = self.objects.get(path)
        kept = before if before is not None and self._switches.partial_put == "merges" else {}
        made = {**kept, **body, "id": before["id"] if before else self._number()}
        made["id_from_network"] = self._shown_id(path[-1])
        check(path, made)
        self.objects[path] = made
        return made

    def _in(self, collection: Path) -> list[dict[str, Any]]:
        return [each for at, each in self.objects.items() if at[:-1] == collection]

    def _below(self, path: Path, kind: str, length: int) -> Sequence[dict[str, Any]]:
        return [
            each
            for at, each in self.objects.items()
            if at[: len(path)] == path and len(at) == length and at[len(path)] == kind
        ]

    def _known(self, path: Path) -> dict[str, Any]:
        found = self.objects.get(path)
        if found is None:
            raise not_found(path[-2])
        return found

    def _id_of(self, body: Mapping[str, Any]) -> str:
        given = body.get("id_from_network")
        return str(given) if given else str(self._number())

    def _shown_id(self, id: str) -> str | int:
        """Ids come as text and as numbers, on one page even (section 3.1)."""
        return int(id) if self._switches.numbers_of_ids == "number" and id.isdigit() else id

    def _number(self) -> int:
        self._made += 1
        return self._made

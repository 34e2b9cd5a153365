"""What the engine should think, said once more and as plainly as possible: the oracle of the state machine.

It is told which pages were committed, and by nothing else of the engine what they mean.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mappings.fold import Consent, Desired, Stop, group_identity
from syncengine.contracts import Record
from tests.engine.world import SPEC, TORONTO, YEARS_2
from tests.promises.market import Directory

WAIT = dt.timedelta(days=3)
HALF_A_YEAR = dt.timedelta(days=183)


class Rules(NamedTuple):
    """A mapping in the model's own words; `spec` says the same in the engine's."""

    kind: str = "NEW"
    directory: str = "customers"
    groups: tuple[str, ...] = ("Customers", "Partner: {Partner}")
    basis: str = "client"
    once: bool = False
    waits: bool = True
    asks_shop: bool = True
    renews: bool = False
    leaves: tuple[str, ...] = ()
    exact: bool = False
    stop: Stop = ""
    asks: bool = False

    @property
    def spec(self) -> dict[str, Any]:
        lookup = {"from": f"crm.{self.directory}", "key": "{{ Customer }}", "as": "customer"}
        fields = {
            **SPEC["fields"],
            "groups": [title.replace("{Partner}", "{{ Partner }}") for title in self.groups],
            "basis": "" if self.asks else self.basis,
            "leave": list(self.leaves),
            "exact": "true" if self.exact else "",
            "ask": "true" if self.asks else "",
        }
        return {
            "start": "2024-06-01",
            "where": f"Kind == '{self.kind}' and State != 'REVERSED'",
            "renew": "State != 'REVERSED'" if self.renews else None,
            "suppress": "yes(customer.opted_out)" if self.asks_shop else None,
            "lookup": [{**lookup, "wait": "3 days"} if self.waits else lookup],
            "set_once": ["name"] if self.once else [],
            "fields": {"email": SPEC["fields"]["email"], "stop": self.stop} if self.stop else fields,
        }

    @property
    def reads(self) -> frozenset[str]:
        """The values by which it knows that a record is the same as before."""
        partner = {"Partner" for title in self.groups if "{" in title}
        return frozenset({"Kind", "State", "Customer"} | (set() if self.stop else {"At"} | partner))


START = dt.datetime(2024, 6, 1, tzinfo=TORONTO)
SALES = Rules()
OTHER_SALES = Rules(groups=("Buyers", "Partner: {Partner}"), once=True, renews=True)
EXPRESS_SALES = Rules(basis="express", asks_shop=False)
REPLACING = Rules(groups=("Customers", "Partner: {Partner}"), exact=True)
LEAVING = Rules(groups=("Buyers", "Partner: {Partner}"), leaves=("Customers", "Partner: Other"))
ASKING = Rules(asks=True)
RETURNS = Rules(kind="OLD", directory="orders", groups=("Returning", "Customers"), waits=False)
STOPPING = Rules(kind="OLD", directory="orders", waits=False, asks_shop=False, stop="unsubscribe")
ERASING = STOPPING._replace(stop="delete")


class Wish(NamedTuple):
    """What one sale asks for. `renews`: for nothing, but its consent counts where another sale asks."""

    name: str | None
    groups: tuple[str, ...]
    consent: Consent | None
    once: bool
    renews: bool = False
    leaves: tuple[str, ...] = ()
    exact: bool = False
    stop: Stop = ""
    asks: bool = False


class Circumstances(NamedTuple):
    """What decides beside a page itself. `anchored`: addresses written to, or recorded as having said no; `start`: a
    record from before it is not taken in, unless it is known.
    """

    now: dt.datetime
    start: dt.datetime
    force: bool
    anchored: frozenset[str]


@dataclass
class Kept:
    """One record as it should be stored. `wish` stands while its state is live."""

    state: str
    moment: dt.datetime
    seen: tuple[str | None, ...]
    first: dt.datetime
    key: str | None = None
    person: str | None = None
    wish: Wish | None = None


class Model:
    """All records of all mappings, and what follows from them for each address."""

    def __init__(self, directories: Mapping[str, Directory]) -> None:
        self._directories = directories
        self.rules: dict[str, Rules] = {}
        self.rows: dict[tuple[str, str], Kept] = {}
        self.handed_over: dict[tuple[str, str], Record] = {}
        """The newest version of each record that was committed, filtered ones too."""
        self.tried: set[tuple[str, str]] = set()
        """What waited and was tried again, since somebody last looked."""
        self.refused: set[str] = set()
        self._people: dict[str, set[str]] = {}
        self._consents: dict[str, set[Consent]] = {}

    # --- records ---

    def read(self, mapping: str, records: Sequence[Record], about: Circumstances) -> None:
        """A page was committed."""
        for record in {record.id: record for record in records}.values():
            self.handed_over[mapping, record.id] = record
            before = self.rows.get((mapping, record.id))
            if before is None or about.force or before.seen != _seen(self.rules[mapping], record):
                self._take(mapping, record, before, about)

    def release(self, mapping: str, ids: Collection[str], about: Circumstances) -> list[str]:
        """Waiting records were tried again. Returns those that were not waiting."""
        wrong = []
        for id in ids:
            before = self.rows.get((mapping, id))
            self.tried.add((mapping, id))
            if before is None or before.state != "waiting":
                wrong.append(id)
            else:
                self._take(mapping, self.handed_over[mapping, id], before, about)
        return wrong

    def retry(self, mapping: str, id: str) -> None:
        """A person lets a rejected record be tried again; one whose earlier version stands, at its next reading."""
        row = self.rows[mapping, id]
        row.seen = ()
        if row.state == "rejected":
            row.state = "waiting"

    def _take(self, mapping: str, record: Record, before: Kept | None, about: Circumstances) -> None:
        rules, values = self.rules[mapping], record.values
        kept = Kept("", record.moment, _seen(rules, record), before.first if before else about.now)
        if before is not None:
            kept.key, kept.person = before.key, before.person
        if values["State"] == "REVERSED":
            self._end(mapping, record, before, kept, "retracted")
        elif (before is None and record.moment < about.start) or not _wanted(rules, values, before):
            self._filter(mapping, record, before, kept)
        else:
            rows, person = self._ask(rules, values["Customer"])
            if len(rows) != 1:
                waits = rules.waits and not rows and bool(values["Customer"]) and kept.first + WAIT > about.now
                if rows or waits or values["Kind"] == rules.kind:
                    self._fail(mapping, record, before, kept, waits)
                else:  # it could only renew, and nobody of ours is unknown to the directory
                    self._filter(mapping, record, before, kept)
                return
            row, kept.person = rows[0], person
            refuses, address = row["opted_out"], (row["email"] or "").strip().lower()
            if (rules.asks_shop and refuses == "maybe") or "@" not in address:
                self._fail(mapping, record, before, kept, False)
                return
            if kept.key is None or kept.key not in about.anchored:
                kept.key = address
            self._people.setdefault(person, set()).add(kept.key)
            if rules.asks_shop and refuses == "yes":
                kept.state = "suppressed"
                self.refused |= {address, kept.key}
            else:
                kept.state = "live"
                kept.wish = _wish(rules, record, row)
                if rules.stop:
                    self.refused |= {address, kept.key}
                if kept.wish.consent:
                    self._consents.setdefault(kept.key, set()).add(kept.wish.consent)
            self.rows[mapping, record.id] = kept

    def _ask(self, rules: Rules, key: str | None) -> tuple[list[dict[str, str | None]], str]:
        """Who it is: an empty address is no answer; rows that differ by blanks and case only are one."""
        found: dict[tuple[str, ...], dict[str, str | None]] = {}
        for row in self._directories[rules.directory].rows.get(key, []) if key else []:
            if (row["email"] or "").strip():
                found.setdefault(tuple((row[name] or "").strip().casefold() for name in sorted(row)), dict(row))
        return list(found.values()), f"crm.{rules.directory}:{key}"

    def _end(self, mapping: str, record: Record, before: Kept | None, kept: Kept, state: str) -> None:
        """Taken back, or over: nothing to do where it was never ours."""
        if before is not None:
            kept.state = state
            self.rows[mapping, record.id] = kept

    def _filter(self, mapping: str, record: Record, before: Kept | None, kept: Kept) -> None:
        if before is not None and before.state in {"waiting", "rejected"}:
            self._end(mapping, record, before, kept, "dropped")
        elif before is not None:
            before.seen = kept.seen

    def _fail(self, mapping: str, record: Record, before: Kept | None, kept: Kept, waits: bool) -> None:
        """Waits, or is rejected; what an earlier version gave stands."""
        if before is not None and before.state == "live":
            before.seen = kept.seen
            return
        kept.state = "waiting" if waits else "rejected"
        self.rows[mapping, record.id] = kept

    # --- addresses ---

    def addresses(self) -> set[str]:
        """Every address that a live record belongs to, or ever did."""
        return {row.key for row in self.rows.values() if row.key}

    def other_addresses(self, key: str) -> set[str]:
        """All addresses that whoever has this one ever had."""
        people = {row.person for row in self.rows.values() if row.key == key and row.person}
        return {other for person in people for other in self._people.get(person, ())} - {key}

    def consents(self, key: str) -> set[Consent]:
        """Every consent that was ever asked for."""
        return self._consents.get(key, set())

    def desired(self, key: str) -> Desired:
        """Newest field, all groups that no newer sale leaves, best consent; nothing but the strongest stop."""
        live = [
            (row.moment, id, mapping, row.wish)
            for (mapping, id), row in self.rows.items()
            if row.key == key and row.state == "live" and row.wish
        ]
        standing = [each for each in live if not each[3].renews]
        if not standing:
            return Desired()
        if stops := {each[3].stop for each in standing if each[3].stop}:
            return Desired(stop="delete" if "delete" in stops else "unsubscribe")
        named = [(*each[:3], each[3].name, each[3].once) for each in standing if each[3].name]
        fields = {"name": max(named)[3]} if named else {}
        titles: dict[str, set[str]] = {}
        leaves: dict[str, str] = {}
        for *_, wish in sorted(standing, key=lambda each: each[:3]):
            for title in wish.groups:
                leaves.pop(group_identity(title), None)
                titles.setdefault(group_identity(title), set()).add(title)
            for title in wish.leaves:
                titles.pop(group_identity(title), None)
                leaves[group_identity(title)] = title
        given = any(each[3].consent for each in standing)
        consents = [each[3].consent for each in live if each[3].consent] if given else []
        return Desired(
            fields={name: value for name, value in fields.items() if value is not None},
            once=("name",) if named and max(named)[4] else (),
            groups=tuple(sorted(min(same) for same in titles.values())),
            consent=max(consents, key=worth, default=None),
            leave=tuple(sorted(leaves.values())),
            exact=any(each[3].exact for each in standing),
            ask=not given and any(each[3].asks for each in standing),
        )


def _wanted(rules: Rules, values: Mapping[str, Any], before: Kept | None) -> bool:
    """What is of another kind may renew, unless it asks for something since an earlier version of it."""
    asks = before is not None and before.state == "live" and before.wish is not None and not before.wish.renews
    return values["Kind"] == rules.kind or (rules.renews and not asks)


def worth(consent: Consent) -> tuple[bool, dt.date, dt.date]:
    """Express before all, then what expires last, then what was given last (design section 5, promise 4)."""
    if consent.express:
        return (True, consent.date, consent.date)
    return (False, consent.expires or consent.date + HALF_A_YEAR, consent.date)


def _wish(rules: Rules, record: Record, row: Mapping[str, str | None]) -> Wish:
    whole = _whole_wish(rules, record, row)
    if whole.stop or record.values["Kind"] == rules.kind:
        return whole
    return Wish(None, (), whole.consent, False, renews=True)


def _whole_wish(rules: Rules, record: Record, row: Mapping[str, str | None]) -> Wish:
    if rules.stop:
        return Wish(None, (), None, False, stop=rules.stop)
    partner = record.values.get("Partner")
    groups = tuple(title.format(Partner=partner) for title in rules.groups if partner or "{" not in title)
    day = record.moment.astimezone(TORONTO).date()
    express = rules.basis == "express"
    consent = Consent(rules.basis, day, f"proof of {day}", None if express else day + YEARS_2, express)
    asked = None if rules.asks else consent
    return Wish(row["name"], groups, asked, rules.once, False, rules.leaves, rules.exact, "", rules.asks)


def _seen(rules: Rules, record: Record) -> tuple[str | None, ...]:
    return tuple(record.values[name] for name in sorted(rules.reads))

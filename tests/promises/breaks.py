"""Ways to break the engine, each of which the proofs must notice.

A break replaces a piece of a file in a copy of the tree. A piece that no longer stands there exactly once is an error,
so a break can't rot unseen.
"""

from pathlib import Path
from typing import NamedTuple


class Break(NamedTuple):
    """One defect that somebody could make. `promise` is its number in docs/reliability.md."""

    name: str
    promise: int
    file: str
    old: str
    new: str

    def apply(self, tree: Path) -> None:
        """Break the copy. Raises ValueError where the piece is not there exactly once."""
        path = tree / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            problem = f"{self.name}: the piece stands {text.count(self.old)} times in {self.file}"
            raise ValueError(problem)
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


PLAN, DELIVER, DIFFERENCE = (f"syncengine/engine/{name}.py" for name in ("plan", "deliver", "difference"))
DELIVERED = "syncengine/state/delivered.py"
BOOK, READ = (f"syncengine/engine/{name}.py" for name in ("book", "read"))
RECORDS, TARGETS, ATTEMPTS, SUPPRESSIONS, STORE = (
    f"syncengine/state/{name}.py" for name in ("records", "targets", "attempts", "suppressions", "store")
)

BREAKS = (
    Break(
        "revisions that are superseded are not counted", 1, TARGETS,
        '    count(connection, destination, {**ended, "revisions": len(fresh) + len(moved)})\n', "",
    ),
    Break(
        "the checkpoint is committed before the records of its page", 2, READ,
        "        counts = part.counts + planned.counts\n        revisions",
        "        counts = part.counts + planned.counts\n"
        "        if planned.commit.checkpoint is not None:\n"
        "            early = (planned.commit, planned.commit.checkpoint, self._store.clock.now())\n"
        "            await self._store.write(records._move_checkpoint, *early)\n"
        "        revisions",
    ),
    Break("what waits is never tried again", 2, RECORDS,
          " AND due_at<=? AND id>? ORDER BY id", " AND due_at>? AND id>? ORDER BY id"),
    Break(
        "reading starts at the checkpoint, without the overlap", 2, "connectors/impact/passes.py",
        "max(place.read - reader.overlap, now - HISTORY)", "max(place.read, now - HISTORY)",
    ),
    Break("a field that the mapping reads is missing in the digest", 2, PLAN,
          "[values.get(name) for name in self._reads]", "[values.get(name) for name in self._reads[:-1]]"),
    Break("a taken back record leaves its address as it was", 2, PLAN,
          'if before is not None and before.state == "live" and before.key:\n            commit.touched',
          'if before is not None and before.state == state == "live" and before.key:\n            commit.touched'),
    Break("a request leaves without being written down", 3, BOOK,
          "attempt, barred = await self._store.write(attempts.begin, self._name, parts, self._revisions, now)",
          "attempt, barred = 0, {}"),
    Break("the receipt of a request is not stored", 3, BOOK,
          "        await self._store.write(attempts.give_receipt, attempt.id, receipt)\n", "        return\n"),
    Break("somebody in a request whose end isn't known is put in another one", 3, TARGETS,
          "AND p.key=t.key AND p.state='open')", "AND p.key=t.key AND p.state='closed')"),
    Break("what was delivered is forgotten, and so sent again", 3, ATTEMPTS,
          "{key: better_delivered(delivered[key], part, out.get(key, ())) for key, part in confirmed.items()}",
          "{key: delivered[key] for key in confirmed}"),
    Break("a membership that was there before us counts as ours", 3, "syncengine/state/standings.py",
          "VALUES(?,?,?,?,'before')", "VALUES(?,?,?,?,'ours')"),
    Break("a group whose leaving nobody heard of counts as joined", 3, ATTEMPTS,
          "UPDATE membership SET state='maybe' WHERE destination=? AND key=? AND identity=?",
          "UPDATE membership SET state='ours' WHERE destination=? AND key=? AND identity=?"),
    Break("somebody of whom nobody knows whether they were asked is asked again", 3, ATTEMPTS,
          "_open_parts(connection, attempt).items() if not part.ask}", "_open_parts(connection, attempt).items()}"),
    Break("somebody who was asked is asked again", 3, DELIVERED,
          "return msgspec.structs.replace(before, asked=True)", "return before"),
    Break("what a record leaves is left again", 3, DELIVERED,
          "left=tuple(sorted(left.difference(identities(part.join)))),", "left=(),"),
    Break("who left a group is put back by a replacement", 3, DIFFERENCE,
          "for identity, title in wanted.items() if identity not in left)", "for identity, title in wanted.items())"),
    Break("somebody who was deleted is added again", 3, DIFFERENCE, 'return "gone"', 'return ""'),
    Break("who said no is not looked up when a request leaves", 4, ATTEMPTS,
          "    barred = suppressed(connection, destination, [part.key for part in parts if part.adds])\n    going",
          "    barred: dict[str, str] = {}\n    going"),
    Break("a record that stops somebody keeps nobody from adding to them", 4, PLAN,
          "            self.planned.commit.refused_by_shop |= {draft.key, address}\n", ""),
    Break("a new stop of somebody who had come back is not sent", 4, RECORDS,
          "    begin_revisions(connection, page.destination, page.stopped, now)\n", ""),
    Break("a stop is lifted while a record still says so", 4, "syncengine/state/reconciling.py",
          "json_extract(body, '$.stop') IS NOT NULL", "json_extract(body, '$.stop') IS NULL"),
    Break("what only renews makes a contact", 4, PLAN,
          "return Draft(draft.key, consent=draft.consent, renews=True)", "return draft"),
    Break("a group that is called differently is another group", 3, DELIVER,
          "        await follow_groups(self._store, self.name, self._destination)\n", ""),
    Break("lists may be as old as they like", 4, BOOK, "FRESH_SECONDS = 60.0", "FRESH_SECONDS = 6e9"),
    Break("lists that broke off count as read", 4, BOOK,
          "            chunk: list[Suppression] = []\n            async for",
          "            self._read_at = now\n            chunk: list[Suppression] = []\n            async for"),
    Break("absence from a list lifts a suppression", 4, DELIVER,
          'if standing.state == "subscribed"]', 'if standing.state != "bounced"]'),
    Break("the new address of somebody who said no is added", 4, PLAN,
          "key, person = key or before.key, person or before.person", "pass"),
    Break("the comparison of consent dates is turned", 4, DIFFERENCE,
          "asked.date >= there.date", "asked.date <= there.date"),
    Break("express consent is not before all other", 4, "mappings/fold.py",
          "return (self.express, dt.date.min if self.express else until, self.date)",
          "return (False, until, self.date)"),
    Break("an expired consent creates contacts", 4, DIFFERENCE, 'return "consent_expired"', 'return ""'),
    Break("who is missing on a list counts as deleted without being asked for", 4, "syncengine/engine/reconcile.py",
          "sorted(await real.absent(missing))", "sorted(missing)"),
    Break("who was deleted by hand is not remembered", 4, "syncengine/state/reconciling.py",
          "(DELETED, iso(now), destination, as_list(deleted))", "(DELETED, iso(now), destination, as_list([]))"),
    Break("drafts are folded in the order of their arrival", 5, "mappings/fold.py",
          "ordered = sorted(drafts, key=LiveDraft.order)", "ordered = list(drafts)"),
    Break("after a crash the address of a request stays in doubt", 6, DELIVER,
          "if not left or not (lost or overdue):", "if not left or not overdue:"),
    Break("a partition that fails stops the others", 7, READ,
          "if isinstance(error, AuthError | RateLimited) or", "if isinstance(error, SyncError) or"),
    Break("plan works on the state itself", 8, STORE,
          "return cls(Database.copy(url), clock)", "return cls.open(url, clock)"),
    Break("a failure takes the checkpoint back", 9, RECORDS,
          "DO UPDATE SET failed_at=excluded.failed_at, error=excluded.error",
          "DO UPDATE SET failed_at=excluded.failed_at, error=excluded.error, position='[0,null,null]'"),
    Break("addresses are written to the log", 10, DELIVER,
          "        revisions = {change.key: change.revision for change in changes}\n",
          "        revisions = {change.key: change.revision for change in changes}\n"
          '        log.info("sending", keys=sorted(revisions))\n'),
)  # fmt: skip

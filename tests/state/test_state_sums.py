"""Promise 1: whatever happens in whatever order, each revision of a target is counted once.

The machine plays the engine's part on a real state: records come and go, requests leave, answers come or don't, lists
say no, people retry. After each step the revisions add up, and no key is in two open requests.
"""

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from syncengine.contracts import Outcome, Part, Settled, Suppression
from syncengine.state import attempts, records, rejects, suppressions, targets
from syncengine.state.store import Store
from syncengine.state.targets import Ending
from tests.clock import FakeClock
from tests.state.pages import MAIL, kept, page, rows

keys = st.sampled_from(["a@example.com", "b@example.com", "c@example.com"])
ids = st.sampled_from(["1", "2", "3", "4"])
titles = st.sets(st.sampled_from(["Customers", "Partner: Acme"])).map(lambda names: tuple(sorted(names)))
statuses = st.sampled_from(["delivered", "suppressed", "rejected", "retry", "in_doubt", "there"])


class Revisions(RuleBasedStateMachine):
    sent = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.store = Store.open("sqlite://", self.clock)
        self.concluded: set[int] = set()

    def teardown(self) -> None:
        self.store.close()

    @rule(id=ids, key=keys, name=st.sampled_from(["Jo", "Léa"]), groups=titles)
    def draft(self, id: str, key: str, name: str, groups: tuple[str, ...]) -> None:
        self._page(id, kept(id, key, name=name, groups=groups))

    @rule(id=ids, state=st.sampled_from(["retracted", "suppressed", "dropped"]))
    def end(self, id: str, state: str) -> None:
        known = self.store.read_now(records.known, "sales", [id])
        if id in known:
            self._page(id, kept(id, known[id].key, state, body=None))

    def _page(self, id: str, row: records.Kept) -> None:
        before = self.store.read_now(records.known, "sales", [id])
        commit = page(row)
        commit.touched |= {known.key for known in before.values() if known.key and known.state == "live"}
        self.store.write_now(records.commit_page, commit, self.clock.now())

    @rule(target=sent, chosen=st.sets(keys, min_size=1), leaves=st.booleans())
    def send(self, chosen: set[str], leaves: bool) -> object:
        """As the engine does: only what is pending and in no open request."""
        pending = self.store.read_now(targets.pending, MAIL, "", 10, self.clock.now())
        going = [each for each in pending if each.key in chosen]
        parts = [
            Part(each.key, leave=("Customers",))
            if leaves
            else Part(each.key, dict(each.desired.fields), each.desired.groups, (), each.desired.consent)
            for each in going
        ]
        revisions = {each.key: each.revision for each in going}
        if not parts:
            return multiple()
        attempt, _ = self.store.write_now(attempts.begin, MAIL, parts, revisions, self.clock.now())
        return (attempt, revisions) if attempt else multiple()

    @rule(chosen=sent, confirmed=st.sets(keys), refuted=st.sets(keys))
    def settle(self, chosen: tuple[int, dict[str, int]], confirmed: set[str], refuted: set[str]) -> None:
        settled = Settled(frozenset(confirmed), frozenset(refuted))
        self.store.write_now(attempts.settle, MAIL, chosen[0], settled)

    @rule(chosen=sent)
    def send_again(self, chosen: tuple[int, dict[str, int]]) -> None:
        self.store.write_now(attempts.drop_suppressed, MAIL, chosen[0])

    @rule(chosen=consumes(sent))
    def lose(self, chosen: tuple[int, dict[str, int]]) -> None:
        self.store.write_now(attempts.lose, MAIL, chosen[0])

    @rule(chosen=sent, status=statuses, tries=st.integers(0, 9))
    def conclude(self, chosen: tuple[int, dict[str, int]], status: str, tries: int) -> None:
        """One outcome for each change; it may come when its revision is long superseded."""
        if chosen[0] in self.concluded:
            return
        self.concluded.add(chosen[0])
        there = status == "there"
        endings = [
            Ending(Outcome(key, "delivered" if there else status, code="some"), revision, tries, there)  # type: ignore[arg-type]  # a word of the six
            for key, revision in chosen[1].items()
        ]
        self.store.write_now(targets.conclude, MAIL, endings, self.clock.now())

    @rule(key=keys)
    def say_no(self, key: str) -> None:
        self.store.write_now(suppressions.suppress, MAIL, [Suppression(key, "unsubscribed")], self.clock.now())

    @rule(key=keys)
    def subscribe_again(self, key: str) -> None:
        self.store.write_now(suppressions.lift, MAIL, [key])

    @rule()
    def retry_rejects(self) -> None:
        numbers = [reject.id for reject in self.store.read_now(rejects.rejects)]
        self.store.write_now(rejects.retry, numbers, self.clock.now())

    @rule(hours=st.integers(1, 12))
    def wait(self, hours: int) -> None:
        self.clock.move(hours * 3600)

    @invariant()
    def every_revision_is_counted_once(self) -> None:
        self.store.read_now(targets.check_revisions, MAIL)
        sums = self.store.read_now(targets.revisions, MAIL)
        assert all(number >= 0 for number in sums.values()), sums
        (counted,) = rows(self.store, "SELECT coalesce(sum(desired_rev), 0) FROM target")
        assert sums.get("revisions", 0) == counted[0]

    @invariant()
    def no_key_is_in_two_open_requests(self) -> None:
        open_ = rows(self.store, "SELECT key FROM attemptpart WHERE state='open'")
        assert len(open_) == len(set(open_))

    @invariant()
    def who_is_on_the_list_of_rejects_is_rejected(self) -> None:
        listed = {reject.key for reject in self.store.read_now(rejects.rejects)}
        assert listed <= {key for (key,) in rows(self.store, "SELECT key FROM target WHERE state='rejected'")}


TestRevisions = Revisions.TestCase
TestRevisions.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

"""The two contestants, each with what it needs to find the same providers, and the process that serves those."""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.measure import Usage, run

HERE = Path(__file__).resolve().parent
LIMIT = 600.0
"""Seconds, for one run of a contestant."""
GOOD = frozenset({0})
SOME_REJECTED = frozenset({0, 3})
"""Some of the made-up customers have an address that is none."""

CONFIG = '''\
[engine]
database = "sqlite:///state.db"
timezone = "America/Toronto"

[connections.impact]
connector   = "impact"
base_url    = {impact[url]!r}
account_sid = {{ env = "IMPACT_ACCOUNT_SID" }}
auth_token  = {{ env = "IMPACT_AUTH_TOKEN" }}

[connections.cyberimpact]
connector = "cyberimpact"
base_url  = {cyberimpact[url]!r}
token     = {{ env = "CYBERIMPACT_TOKEN" }}

[connections.shop]
connector = "sql"
url       = {{ env = "SHOP_DATABASE_URL" }}
[connections.shop.lookups.customers]
query = """
  SELECT customer_id AS key, email, first_name, last_name, language, opted_out
  FROM customers WHERE customer_id IN :keys
"""

[mappings.new-customers]
use     = "new-customers"
renew   = "False"                               # the script renews nobody's consent either
start   = {since}
options = {{ campaigns = {campaigns} }}
'''


class Providers:
    """The server process. A context manager; leaving it ends the process."""

    def __init__(self, folder: Path, actions: int, new: int) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.server", str(folder), str(actions), str(new)],
            cwd=HERE.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.accounts = self._hear()

    def order(self, what: str) -> dict[str, Any]:
        """`reset`, `empty`, `forget` or `report`; see `bench.server`."""
        assert self._process.stdin is not None  # noqa: S101 - tells mypy; it is a pipe
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - likewise
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the providers' process ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None  # noqa: S101 - likewise
        assert self._process.stdout is not None  # noqa: S101 - likewise
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Contestants:
    """Both programs against the same providers."""

    def __init__(self, providers: Providers) -> None:
        self._folder = providers.folder
        self._accounts = providers.accounts
        impact, cyberimpact = self._accounts["impact"], self._accounts["cyberimpact"]
        shop = self._folder / "customers.db"
        self._environment = {
            "IMPACT_URL": impact["url"],
            "IMPACT_ACCOUNT_SID": impact["account_sid"],
            "IMPACT_AUTH_TOKEN": impact["auth_token"],
            "CYBERIMPACT_URL": cyberimpact["url"],
            "CYBERIMPACT_TOKEN": cyberimpact["token"],
            "SHOP_DATABASE": str(shop),
            "SHOP_DATABASE_URL": f"sqlite:///{shop}",
            "SINCE": self._accounts["since"],
        }
        self._campaigns = ["1000", "2000"]

    def sync(self, *, fresh: bool, empty: bool = False) -> Usage:
        """`syncengine sync`, with a new state or with what is there; `empty`: of a campaign without any action."""
        if fresh:
            for part in self._folder.glob("state.db*"):
                if part.is_file():
                    part.unlink()
        config = self._folder / "config.toml"
        config.write_text(CONFIG.format(**self._accounts, campaigns=json.dumps(self._chosen(empty))), encoding="utf-8")
        command = [sys.executable, "-m", "syncengine.cli", "--json", "--config", str(config), "sync"]
        return run(command, self._environment, self._folder, limit=LIMIT, codes=SOME_REJECTED)

    def by_hand(self, *, empty: bool = False) -> Usage:
        """The script."""
        environment = {**self._environment, "CAMPAIGNS": ",".join(self._chosen(empty))}
        return run([sys.executable, str(HERE / "by_hand.py")], environment, self._folder, limit=LIMIT, codes=GOOD)

    def _chosen(self, empty: bool) -> list[str]:
        return [self._accounts["empty_campaign"]] if empty else self._campaigns

"""Real servers for the slow tests of connectors/sql: named by the environment, or started on this machine.

Each test process gets a database of its own, so several may share a server; the account in the address must be allowed
to make databases and users there. Nothing else on the server is touched.
"""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

MYSQL_VARIABLE = "SYNCENGINE_MYSQL_URL"
POSTGRESQL_VARIABLE = "SYNCENGINE_POSTGRESQL_URL"
LOOPBACK = "127.0.0.1"
START_SECONDS = 60
CHUNK = 65536


def address(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def execute(url: URL, *statements: str) -> None:
    """Do something as the owner, each statement by itself."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))
    engine.dispose()


def rows(url: URL, query: str) -> list[tuple[object, ...]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


@contextmanager
def own_database(server: URL) -> Iterator[URL]:
    """An empty database for this process."""
    name = f"syncengine_{os.getpid()}"
    execute(server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    yield server.set(database=name)
    forced = " WITH (FORCE)" if server.get_backend_name() == "postgresql" else ""
    execute(server, f"DROP DATABASE {name}{forced}")


@contextmanager
def mysql_server() -> Iterator[URL]:
    """The MySQL or MariaDB that the environment names; else a MariaDB of our own on loopback."""
    if named := os.environ.get(MYSQL_VARIABLE):
        yield make_url(named).set(drivername="mysql+pymysql")
        return
    places = f"{os.environ.get('PATH', '')}:/usr/sbin"
    server, install = shutil.which("mariadbd", path=places), shutil.which("mariadb-install-db", path=places)
    if server is None or install is None:
        pytest.fail(f"this test needs MariaDB: apt-get install mariadb-server, or set {MYSQL_VARIABLE}")
    folder = Path(tempfile.mkdtemp(prefix="mariadb-"))
    data = ["--no-defaults", f"--datadir={folder / 'data'}", f"--user={getpass.getuser()}"]
    making = [install, *data, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(making, check=True, capture_output=True, timeout=START_SECONDS)
    port = free_port()
    ways = [f"--port={port}", f"--bind-address={LOOPBACK}", f"--socket={folder / 'socket'}", "--skip-log-bin"]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen([server, *data, *ways, "--innodb-flush-log-at-trx-commit=0"], stdout=log, stderr=log)
    try:
        url = URL.create("mysql+pymysql", "root", "", LOOPBACK, port)
        wait_for(url)
        yield url
    finally:
        running.terminate()
        running.wait(START_SECONDS)
        shutil.rmtree(folder)


def wait_for(url: URL) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            execute(url, "SELECT 1")
        except OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def free_port() -> int:
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return int(found.getsockname()[1])


class Gate:
    """The way to a server, which can be closed, also in the middle of a conversation.

    `cut_at`: everything is cut when a client says this; `heard` tells whether the server hears it before.
    """

    def __init__(self, url: URL) -> None:
        self._url = url
        self._listener = socket.create_server((LOOPBACK, 0))
        self._port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self.cut_at = b""
        self.heard = True
        self._mute = False
        self._answered = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> URL:
        """The address of the same database, through the gate."""
        query = {name: value for name, value in self._url.query.items() if name != "host"}
        return self._url.set(host=LOOPBACK, port=self._port, query=query)

    def close(self) -> None:
        """Nobody gets through any more, and who is on the way is cut off."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Cut off who is on the way."""
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = self._reach()
                self._open += [client, server]
                for pump in (self._forward, self._back):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _reach(self) -> socket.socket:
        folder = self._url.query.get("host")
        if isinstance(folder, str):
            reached = socket.socket(socket.AF_UNIX)
            reached.connect(f"{folder}/.s.PGSQL.{self._url.port or 5432}")
            return reached
        return socket.create_connection((self._url.host or LOOPBACK, self._url.port or 3306))

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        self._pump(client, server, self._say)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        self._pump(server, client, self._answer)

    def _say(self, said: bytes, server: socket.socket) -> None:
        if not self.cut_at or self.cut_at not in said:
            server.sendall(said)
            return
        self.cut_at = b""
        if self.heard:
            self._mute = True
            server.sendall(said)
            self._answered.wait(START_SECONDS)  # so that the server has done it
        self.cut()
        self._mute = False

    def _answer(self, said: bytes, client: socket.socket) -> None:
        if self._mute:
            self._answered.set()
        else:
            client.sendall(said)

    def _pump(self, start: socket.socket, end: socket.socket, say: Callable[[bytes, socket.socket], None]) -> None:
        with suppress(OSError), start, end:
            while said := start.recv(CHUNK):
                say(said, end)

"""A sandbox server leaves nothing open, at whatever moment it is stopped."""

import gc
import socket
import warnings

from starlette.responses import Response

from syncengine.sandbox.kit import Server

ROUNDS = 40


def test_a_connection_accepted_while_it_stops_is_closed_too() -> None:
    """asyncio can't make a transport for it once the server is closed, and its socket would stay open."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        for number in range(ROUNDS):
            server = Server(Response())
            server.start()
            host, port = server.url.removeprefix("http://").split(":")
            clients = [socket.create_connection((host, int(port))) for _ in range(1 + number % 5)]
            server.stop()
            for client in clients:
                client.close()
        gc.collect()
    assert [str(warning.message) for warning in caught] == []

"""The one module that a connector's sandbox imports: all that a faithful local provider is built from."""

from syncengine.sandbox.faults import Fault, Faults
from syncengine.sandbox.people import Person, people, write_directory
from syncengine.sandbox.sandbox import Sandbox, Switches
from syncengine.sandbox.seen import Seen
from syncengine.sandbox.server import Server

__all__ = ["Fault", "Faults", "Person", "Sandbox", "Seen", "Server", "Switches", "people", "write_directory"]

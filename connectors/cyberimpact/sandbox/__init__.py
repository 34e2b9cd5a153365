"""A local Cyberimpact, as strict as its page, so that clients can be tried without an account.

Read `server` first; `account` holds the vendor's rules, `switches` what nobody knows about them.
"""

from connectors.cyberimpact.sandbox.server import CyberimpactSandbox, Known
from connectors.cyberimpact.sandbox.switches import CyberimpactSwitches

__all__ = ["CyberimpactSandbox", "CyberimpactSwitches", "Known"]

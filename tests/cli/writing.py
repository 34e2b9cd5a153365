"""How the tests of `write` give it lines."""

import datetime as dt
import json
import subprocess
from typing import Any

from tests.cli.shop import Shop
from tests.forking import Ended

CONTACTS = "cyberimpact.contacts"
MAPPING = f"write {CONTACTS}"
ANA, BEA, CLEO = "ana@example.com", "bea@example.com", "cleo@example.com"
TODAY = dt.datetime.now(dt.UTC).date()
CONSENT = {"relationType": "active-clients", "consentDate": str(TODAY - dt.timedelta(days=9)), "consentProof": "form 7"}
PATIENCE = 30.0
MORTAL = "from syncengine.cli import main\nfrom syncengine.failpoints import arm\narm({die!r})\nmain()\n"


def contact(email: str, **fields: Any) -> dict[str, Any]:
    """A line for a contact with all that is required."""
    return {"email": email, **CONSENT, **fields}


def text_of(*lines: Any) -> str:
    """The input; a text is a line as it is."""
    return "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)


def write(shop: Shop, *lines: Any, to: str = CONTACTS, options: tuple[str, ...] = (), die: str = "") -> Ended:
    """Write these lines. No command may ever show a traceback. `die`: at which failpoint."""
    process = shop.run.start("write", to, *options, stdin=subprocess.PIPE, code=MORTAL.format(die=die))
    out, err = process.communicate(text_of(*lines), PATIENCE)
    assert "Traceback" not in err
    return Ended(process.wait(), out, err)


def retract(shop: Shop, *lines: Any, to: str = CONTACTS) -> Ended:
    return write(shop, *lines, to=to, options=("--retract",))

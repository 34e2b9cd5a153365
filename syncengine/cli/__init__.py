"""The command line: one module per group of commands, and the only package that prints.

Nothing heavy is imported before the command that needs it runs, so `syncengine --help` answers at once.
"""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command of this process's arguments and exit with its code: 0 done, 1 failed, 2 usage or configuration,
    3 done but something was rejected, 130 stopped by Ctrl-C.
    """
    from syncengine.cli.app import app

    app(prog_name="syncengine")
    sys.exit(0)

"""Starts `syncengine` many times a second: a process that has imported all of it forks for each command.

What runs is the program itself, in a process of its own with its own folder, environment, signals and output, that may
be killed; only the second of imports is paid once. That the imports work too is the matter of `tests/cli/test_cli.py`.
"""

from tests.forking.process import MAIN, ROOT, Ended, Process, launch

__all__ = ["MAIN", "ROOT", "Ended", "Process", "launch"]

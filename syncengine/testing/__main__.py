"""Writes the list of rules for docs/connectors.md: `python -m syncengine.testing`."""

import sys

from syncengine.testing.suite import describe

sys.stdout.write(describe())

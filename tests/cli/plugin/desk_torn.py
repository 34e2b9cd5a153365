"""A connector whose own dependency was not installed."""

import a_driver_that_nobody_has  # noqa: F401 - it fails on purpose

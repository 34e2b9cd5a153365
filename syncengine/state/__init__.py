"""What survives a crash. Only this package knows SQL."""

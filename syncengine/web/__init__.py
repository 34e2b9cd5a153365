"""What listens: hooks, by which a provider says that something may have changed."""

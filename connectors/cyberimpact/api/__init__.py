"""Cyberimpact's API call by call, one module per kind of thing; `connectors.cyberimpact.client` puts them together."""

"""One folder per provider; each knows `syncengine.contracts`, never the engine."""

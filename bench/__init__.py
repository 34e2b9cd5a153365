"""The benchmark: `syncengine sync` beside a hand-written script that does the same job without state or safety."""

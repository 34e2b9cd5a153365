"""The answer to *why did I get this mail*: what is known (`reasons`), who is asked (`asking`), and how it is said."""

"""The mapping language: pure rules from a record to a draft, and from drafts to what a target should be."""

"""A conversation on disk: written as it goes, readable whatever ends it, and read back."""

"""The terminal: what the user sees of a talk, made of its reports, and what the user types into it, read as keys."""

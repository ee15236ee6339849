"""The far end: a local Live API server that speaks the wire in its own words."""

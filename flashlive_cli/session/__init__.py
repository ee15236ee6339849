"""Moves messages. Owns tasks and time."""

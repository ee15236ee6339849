"""JSON <-> events and commands; the only folder that spells wire field names."""

from flashlive_cli.protocol.codec.decoding import decode
from flashlive_cli.protocol.codec.encoding import encode

__all__ = ["decode", "encode"]

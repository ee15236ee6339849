"""
Exit codes, which scripts know an end by.

0 done · 1 a scenario failed, unexpected, or an output that failed · 2 usage, settings, tools or input file ·
3 the service · 4 sound device · 130 Ctrl-C · 143 SIGTERM · 129 SIGHUP.
"""

from typing import Final

from flashlive_cli.errors import (
    ConfigError,
    ConnectionLost,
    ConnectionRejected,
    DeviceError,
    FileError,
    FlashliveError,
    NoAnswer,
    ProtocolError,
    ToolError,
)

FAILED: Final = 1
"""A scenario that failed, a tool that did; what was not expected at all; an output that takes no more."""
USAGE: Final = 2
SERVICE: Final = 3
DEVICE: Final = 4
INTERRUPTED: Final = 130
KILLED_BY: Final = 128
"""Plus the number of the signal, as shells count: 143 is SIGTERM."""

_CODES: Final[tuple[tuple[tuple[type[FlashliveError], ...], int], ...]] = (
    ((ConfigError, FileError, ToolError), USAGE),
    ((ConnectionRejected, ConnectionLost, NoAnswer, ProtocolError), SERVICE),
    ((DeviceError,), DEVICE),
)


def exit_code_of(error: FlashliveError) -> int:
    """Return the code of an error; what is not in the table is `FAILED`."""
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), FAILED)

"""The command `flashlive`, and `python -m flashlive_cli`."""

import atexit
import os
import signal
import sys
import time

SAME_S = 0.5
"""A Ctrl-C so soon after a command has ended may have been meant to end it."""


def main() -> int:
    """Run the command line; a Ctrl-C that comes while it loads ends it as quietly as a later one."""
    if hears := signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else a shell has it ignored
        # done after all else that is to be done at the exit: from there on Python would let a Ctrl-C kill it
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    try:
        from flashlive_cli.cli import main as run  # noqa: PLC0415 - see above

        return run()
    except KeyboardInterrupt:
        return 130
    finally:
        if hears:
            _end_undisturbed()


def _end_undisturbed() -> None:
    """Let no Ctrl-C change the exit code of a command that is over; where the process hangs, a later one ends it."""
    over_s = time.monotonic()

    def came(*_: object) -> None:
        if time.monotonic() - over_s > SAME_S:
            os._exit(130)

    signal.signal(signal.SIGINT, came)


if __name__ == "__main__":
    sys.exit(main())

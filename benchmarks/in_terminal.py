"""
Run a program in a terminal of its own, for those that are nothing without one; what it shows goes to stdout.

    python benchmarks/in_terminal.py PROGRAM [ARGS]...

SIGINT and SIGTERM are passed on as Ctrl-C. The exit code is the program's.
"""

import contextlib
import os
import pty
import signal
import subprocess
import sys


def main() -> int:
    """Run it to its end."""
    keyboard, screen = pty.openpty()
    process = subprocess.Popen(sys.argv[1:], stdin=screen, stdout=screen, stderr=screen, start_new_session=True)
    os.close(screen)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: process.send_signal(signal.SIGINT))
    with contextlib.suppress(OSError):  # the last of those that have it open has ended
        while shown := os.read(keyboard, 65536):
            os.write(1, shown)
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())

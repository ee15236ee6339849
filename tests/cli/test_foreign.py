"""What strangers write to descriptor 2, where a whole talk meets it too seldom."""

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, os, threading, time
from flashlive_cli.audio import stream
from flashlive_cli.cli.foreign import foreign_stderr

libc = ctypes.CDLL(None)
stderr = ctypes.c_void_p.in_dll(libc, "stderr")
busy = threading.Event()

def complain():
    while True:
        libc.fputs(b"Expression 'ready' failed in 'pa_linux_alsa.c'\\n", stderr)

def take(line):
    busy.set()
    time.sleep(0.4)

with foreign_stderr() as passage:
    passage.tell = take
    os.write(2, b"somebody else\\n")
    busy.wait()
    threading.Thread(target=complain, daemon=True).start()
    time.sleep(0.1)  # the pipe is full, as nobody reads it just now
    stream._left_alone.add("a driver")
print("left")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ALSA's drivers are Linux's")
def test_a_driver_that_complains_for_ever_does_not_keep_the_process_from_ending() -> None:
    """Its last line may wait in a full pipe, with libc's lock on stderr, which Python wants at exit."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=20, check=False)

    assert (done.returncode, done.stdout) == (0, "left\n"), done.stderr
    assert not done.stderr

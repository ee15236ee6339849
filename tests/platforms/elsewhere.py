"""
Run flashlive as on another system: its name faked, and what only POSIX has taken away.

    python elsewhere.py PLATFORM import            import every module; print their names
    python elsewhere.py PLATFORM run ARGS...       a command line
    python elsewhere.py PLATFORM folders           print the files of settings and of devices chosen last
    python elsewhere.py PLATFORM keys TYPED        read TYPED from a console, where one can be opened; print the keys

The standard library and other people's packages are loaded first, as what they are here; then the fake begins. What
they do when called is this system's. An event loop refuses signals, as that of Windows does.
"""

import asyncio
import importlib
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import types

MODULES = (
    "fcntl",
    "termios",
    "tty",
    "pty",
    "pwd",
    "grp",
    "resource",
    "syslog",
    "readline",
    "curses",
    "_posixsubprocess",
)
OF_OS = (
    "fork", "forkpty", "openpty", "killpg", "getpgid", "getpgrp", "setpgid", "setsid", "getsid",
    "tcgetpgrp", "tcsetpgrp", "ttyname", "ctermid", "getuid", "geteuid", "getgid", "getegid", "getgroups", "uname",
    "fchmod", "fchown", "chown", "lchown", "mkfifo", "mknod", "statvfs", "nice", "getloadavg", "sched_getaffinity",
    "sched_yield", "pread", "pwrite", "readv", "writev", "sendfile", "sync", "pipe2", "posix_spawn", "wait", "wait3",
    "wait4", "O_NOCTTY", "O_NONBLOCK", "O_CLOEXEC", "O_NOFOLLOW", "O_DIRECTORY", "O_SYNC", "confstr",
    "sysconf", "pathconf", "eventfd", "memfd_create", "setpriority",
)  # fmt: skip
KEPT_SIGNALS = ("SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIG_DFL", "SIG_IGN")
OF_SIGNAL = (
    "pthread_sigmask", "pthread_kill", "siginterrupt", "alarm", "setitimer", "getitimer", "pause", "sigwait",
    "sigtimedwait", "sigpending", "SIG_BLOCK", "SIG_UNBLOCK", "SIG_SETMASK",
)  # fmt: skip


def own_modules() -> list[str]:
    package = importlib.import_module("flashlive_cli")
    found = [module.name for module in pkgutil.walk_packages(package.__path__, "flashlive_cli.")]
    return [name for name in found if name != "flashlive_cli.__main__"]


def forget_own_modules() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "flashlive_cli"]:
        del sys.modules[name]


def become(platform: str) -> None:
    """Fake the name of the system, and for Windows the lack of POSIX."""
    for name in own_modules():  # brings the packages of others
        importlib.import_module(name)
    for name in ("anyio.from_thread", "sounddevice", "soxr", "numpy", "websockets.asyncio.client", "platformdirs"):
        importlib.import_module(name)
    forget_own_modules()
    sys.platform = platform
    if platform != "win32":
        return
    pair, family = socket.socketpair, socket.AF_UNIX
    socket.socketpair = lambda: pair(family)  # type: ignore[misc,assignment] # event loops wake themselves by it
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment] # how Python spells that there is none
    for module, names in ((os, OF_OS), (signal, OF_SIGNAL), (select, ("poll", "epoll")), (socket, ("AF_UNIX",))):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    kill = signal.SIGKILL
    subprocess.Popen.kill = lambda self: self.send_signal(kill)  # type: ignore[method-assign]
    for name in dir(signal):
        if name.startswith("SIG") and name not in KEPT_SIGNALS and not name.startswith("SIG_"):
            delattr(signal, name)
    os.O_BINARY = 0  # type: ignore[attr-defined]
    subprocess.CREATE_NEW_PROCESS_GROUP = 0  # type: ignore[attr-defined]
    subprocess.CREATE_NO_WINDOW = 0  # type: ignore[attr-defined]
    console = types.ModuleType("msvcrt")
    console.kbhit = lambda: False  # type: ignore[attr-defined]
    console.getwch = lambda: ""  # type: ignore[attr-defined]
    sys.modules["msvcrt"] = console

    def refuse(*_: object) -> None:
        raise NotImplementedError

    asyncio.SelectorEventLoop.add_signal_handler = refuse  # type: ignore[method-assign,assignment]
    asyncio.SelectorEventLoop.remove_signal_handler = refuse  # type: ignore[assignment]


def folders() -> None:
    """Print where settings and the devices chosen last are kept, with platformdirs as it is on that system."""
    for name in ("ctypes", "winreg"):  # of Windows; without, platformdirs believes the environment
        sys.modules[name] = None  # type: ignore[assignment] # as above
    for name in [name for name in sys.modules if name.split(".")[0] == "platformdirs"]:
        del sys.modules[name]
    from flashlive_cli.cli.remembered import FILE
    from flashlive_cli.cli.statefile import state_path
    from flashlive_cli.config.precedence import user_config_file

    print(user_config_file())
    print(state_path(FILE))


async def keys(typed: str) -> None:
    """Print the keys that are heard from a console in which somebody types."""
    from flashlive_cli.ui.keys import Key  # noqa: TC001 - not before `become`
    from flashlive_cli.ui.terminal import Terminal

    waiting = list(typed)
    console = sys.modules["msvcrt"]
    console.kbhit = lambda: bool(waiting)  # type: ignore[attr-defined]
    console.getwch = lambda: waiting.pop(0)  # type: ignore[attr-defined]
    heard: asyncio.Queue[list[Key]] = asyncio.Queue()
    with Terminal(heard.put_nowait) as terminal:
        if terminal.available:
            print(*(key.name for key in await heard.get()))
        else:
            print("nobody can type")


def main() -> int:
    platform, what, *args = sys.argv[1:]
    become(platform)
    if what == "import":
        for name in own_modules():
            importlib.import_module(name)
            print(name)
        return 0
    if what == "folders":
        folders()
        return 0
    if what == "keys":
        asyncio.run(keys(*args))
        return 0
    from flashlive_cli.cli import main as run

    return run(args)


if __name__ == "__main__":
    sys.exit(main())

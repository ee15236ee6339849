"""The user's Python file -> its public functions, or one line that says why not."""

import contextlib
import importlib
import importlib.util
import io
import itertools
import os
import sys
import traceback
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import TextIO, cast

from flashlive_cli.decorator import is_function
from flashlive_cli.errors import ToolError, reason_of
from flashlive_cli.printable import printable
from flashlive_cli.toolbox.arguments import Function
from flashlive_cli.toolbox.call import CALL_TIMEOUT_S, Toolbox
from flashlive_cli.toolbox.function import function_tool
from flashlive_cli.toolbox.threads import DaemonThreads

_serial = itertools.count(1)


def load_tools(*paths: Path, timeout_s: float = CALL_TIMEOUT_S, in_talk: bool = False) -> Toolbox:
    """
    Import Python files and make a tool of every public function they define: sync, async or a generator.

    Public is what `__all__` names, or else each function defined in the file itself whose name has no leading
    underscore; lambdas are not tools. The file runs under a private module name, so `__name__` is not
    `"__main__"`, and with its folder on `sys.path`, so that it may import its neighbours while it loads. What it
    prints meanwhile goes to stderr.

    Args:
        paths: tools files; a name may occur once in all of them.
        timeout_s: real seconds for a call of a tool that names no limit of its own.
        in_talk: stdout is taken care of already, and must not be touched: see `prints.py`.

    Raises:
        ToolError: one line: file, line and reason.
    """
    threads = DaemonThreads()
    tools = [
        function_tool(function, name, threads)
        for path in paths
        for name, function in _public_functions(_import(path, in_talk=in_talk), path)
    ]
    return Toolbox(tools, timeout_s=timeout_s)


def _public_functions(module: ModuleType, path: Path) -> list[tuple[str, Function]]:
    listed = getattr(module, "__all__", None)
    if listed is not None and not (isinstance(listed, list | tuple) and all(isinstance(name, str) for name in listed)):
        raise ToolError(printable(f"{path}: __all__ is no list of names"))
    names = list(vars(module)) if listed is None else list(listed)
    found: dict[int, tuple[str, Function]] = {}
    for name in names:
        if not hasattr(module, name):
            raise ToolError(printable(f"{path}: __all__ names {name}, which is not there"))
        function = getattr(module, name)
        if is_function(function) and (listed is not None or _is_public(name, function, module)):
            found.setdefault(id(function), (name, cast("Function", function)))  # a second name is an alias
    if not found:
        raise ToolError(printable(f"{path}: no tools in it: it defines no public function"))
    return list(found.values())


def _is_public(name: str, function: Function, module: ModuleType) -> bool:
    own = function.__module__ == module.__name__
    return own and not name.startswith("_") and function.__name__ != "<lambda>"


def _import(path: Path, *, in_talk: bool) -> ModuleType:
    code = _compiled(path)
    name = f"_flashlive_tools_{next(_serial)}"
    spec = importlib.util.spec_from_loader(name, SourceFileLoader(name, str(path)), origin=str(path))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    sys.modules[name] = module  # pydantic and dataclasses look their module up
    try:
        with _on_sys_path(path.parent), contextlib.nullcontext() if in_talk else _prints_to_stderr():
            exec(code, vars(module))  # noqa: S102 - running the user's file is what --tools asks for
    except BaseException as exc:
        del sys.modules[name]
        if isinstance(exc, KeyboardInterrupt):
            raise
        raise ToolError(_import_failure(path, exc)) from exc
    return module


@contextlib.contextmanager
def _prints_to_stderr() -> Iterator[None]:
    stderr = cast("TextIO", _Escaping(sys.stderr))
    with contextlib.redirect_stdout(stderr), contextlib.redirect_stderr(stderr):
        yield


class _Escaping(io.TextIOBase):
    """Takes what a file prints while it loads: to stderr, without what could steer a terminal."""

    def __init__(self, stderr: TextIO) -> None:
        self._stderr = stderr

    def write(self, text: str) -> int:
        self._stderr.write(printable(text, keep_newlines=True))
        return len(text)

    def flush(self) -> None:
        self._stderr.flush()


def _compiled(path: Path) -> CodeType:
    """
    Compile the file as it is on disk.

    Not through the loader, which keeps a `__pycache__` beside the file and trusts it for a file edited
    twice within a second.
    """
    try:
        if path.is_dir():
            raise ToolError(printable(f"{path}: is a folder, and a Python file is wanted"))
        source = path.read_bytes()
    except FileNotFoundError as exc:
        raise ToolError(printable(f"{path}: no such file")) from exc
    except OSError as exc:
        raise ToolError(printable(f"{path}: {reason_of(exc)}")) from exc
    try:
        return compile(source, str(path), "exec", dont_inherit=True)
    except SyntaxError as exc:
        line = f":{exc.lineno}" if exc.lineno else ""
        raise ToolError(printable(f"{path}{line}: {type(exc).__name__}: {exc.msg}")) from exc
    except (ValueError, RecursionError, MemoryError) as exc:  # a zero byte; brackets a thousand deep
        raise ToolError(printable(f"{path}: not Python: {exc}")) from exc


@contextlib.contextmanager
def _on_sys_path(folder: Path) -> Iterator[None]:
    entry = os.path.abspath(folder)  # noqa: PTH100 - keeps a symbolic link as it is, as `python FILE` does not
    sys.path.insert(0, entry)
    importlib.invalidate_caches()  # a neighbour may be younger than the last look at the folder
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the file tidied up by itself
            sys.path.remove(entry)


def _import_failure(path: Path, exc: BaseException) -> str:
    lines = [line for frame, line in traceback.walk_tb(exc.__traceback__) if frame.f_code.co_filename == str(path)]
    where = f"{path}:{lines[-1]}" if lines else str(path)
    said = " ".join(str(exc).split())
    what = f"{type(exc).__name__}: {said}" if said else type(exc).__name__
    if isinstance(exc, ToolError):  # @tool was given what it does not take, here or in a neighbour
        frame, line = [step for step in traceback.walk_tb(exc.__traceback__) if not _is_ours(step[0])][-1]
        where, what = f"{frame.f_code.co_filename}:{line}", said
    if isinstance(exc, ModuleNotFoundError):
        what += " (is it installed for the Python that runs flashlive?)"
    return printable(f"{where}: {what}")


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith("flashlive_cli.")

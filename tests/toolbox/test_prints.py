"""What tools print goes to the listener and never to stdout."""

import asyncio
import io
import sys
import threading

import pytest

from flashlive_cli.toolbox import tool_prints_to


class Printed(list[tuple[str, str]]):
    """Lines as the listener got them, with a check that it was called on the loop's thread."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()

    def __call__(self, tool_name: str, line: str) -> None:
        assert threading.get_ident() == self.thread
        print("listener heard", line)  # its own prints are not the tool's
        self.append((tool_name, line))


PRINTERS = {
    "lines": ("print('a'); print('b', 'c')", ["a", "b c"]),
    "unfinished line": ("print('a', end='')", ["a"]),
    "line in pieces": ("print('a', end=''); print('b')", ["ab"]),
    "empty line": ("print()", [""]),
    "escapes": (r"print('\x1b[2J')", [r"\x1b[2J"]),
    "bytes": (r"sys.stdout.buffer.write(b'a\n\xff\n'); sys.stdout.buffer.flush()", ["a", "�"]),
    "writelines": (r"sys.stdout.writelines(['a\n', 'b\n']); sys.stdout.flush()", ["a", "b"]),
    "endless line": ("print('x' * 20_000)", ["x" * 8192, "x" * 8192, "x" * 3616]),
    "endless line in pieces": ("[print('x', end='') for _ in range(8193)]", ["x" * 8192, "x"]),
    "before a fault": ("print('a', end=''); 1 / 0", ["a"]),
    "about the stream": ("print(sys.stdout.isatty(), sys.stdout.encoding.lower())", ["False utf-8"]),
    "heirs": ("asyncio.run(asyncio.to_thread(print, 'a'))", ["a"]),
}


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("body", "lines"), PRINTERS.values(), ids=PRINTERS)
async def test_prints_of_a_tool_reach_the_listener_before_the_answer(load, capsys, kind, body, lines) -> None:
    if kind == "async def":
        body = body.replace("asyncio.run(", "await (")
    box = load(f"{kind} tool(): {body}")
    printed = Printed()

    with tool_prints_to(printed):
        await box.call("tool", {})
        assert printed == [("tool", line) for line in lines]
    assert capsys.readouterr().out == "".join(f"listener heard {line}\n" for line in lines)


async def test_a_child_process_is_not_given_our_stdout(load) -> None:
    box = load("def tool(): sys.stdout.fileno()")

    with tool_prints_to(Printed()):
        assert await box.call("tool", {}) == {"error": "UnsupportedOperation: fileno"}


async def test_tools_that_run_at_once_are_told_apart(load) -> None:
    box = load(
        """
        _both = threading.Barrier(2)
        def _print(name):
            for i in range(50):
                print(name, end="")
                if i == 25: _both.wait(10)
                print(i)
        def a(): _print("a")
        def b(): _print("b")
        async def c():
            for i in range(50):
                print(f"c{i}")
                await asyncio.sleep(0)
        """
    )
    printed = Printed()

    with tool_prints_to(printed):
        await asyncio.gather(*(box.call(name, {}) for name in "abc"))
    for name in "abc":
        assert [line for tool, line in printed if tool == name] == [f"{name}{i}" for i in range(50)]


async def test_a_tool_given_up_on_still_does_not_reach_stdout(load, capsys) -> None:
    box = load(
        """
        _go = threading.Event()
        _done = threading.Event()
        def tool():
            _go.wait(10)
            print("late")
            _done.set()
        async def go():
            _go.set()
            _done.wait(10)
        """,
        timeout_s=0.05,
    )
    printed = Printed()

    with tool_prints_to(printed):
        await box.call("tool", {})
        await box.call("go", {})
        await asyncio.sleep(0)
        assert printed == [("tool", "late")]
    assert capsys.readouterr().out == "listener heard late\n"


async def test_without_a_tool_stdout_is_as_before(capsys) -> None:
    before = sys.stdout
    with tool_prints_to(Printed()) as stdout:
        assert stdout is before
        print("data", flush=True)
        sys.stdout.writelines(["more\n"])
        sys.stdout.buffer.write(b"octets\n")
        assert sys.stdout.isatty() is False
        assert sys.stdout.encoding == before.encoding
    assert sys.stdout is before
    assert capsys.readouterr().out.splitlines() == ["data", "more", "octets"]


async def test_strays_go_where_they_are_sent(load, capsys) -> None:
    box = load(
        """
        def tool():
            thread = threading.Thread(target=print, args=("from a thread of its own",))
            thread.start()
            thread.join()
        """
    )
    elsewhere = io.StringIO()

    with tool_prints_to(Printed(), stray=elsewhere) as stdout:
        await box.call("tool", {})
        stdout.write("data\n")
    assert elsewhere.getvalue() == "from a thread of its own\n"
    assert capsys.readouterr().out == "data\n"


async def test_without_the_listener_prints_are_prints(load, capsys) -> None:
    await load("def tool(): print('a')").call("tool", {})

    assert capsys.readouterr().out == "a\n"


def test_a_print_after_the_loop_is_gone_is_dropped(load, capfd) -> None:
    box = load(
        """
        go = threading.Event()
        def tool():
            go.wait(10)
            print("too late")
        """,
        timeout_s=0.05,
    )
    with tool_prints_to(Printed()):
        asyncio.run(box.call("tool", {}))
        box._tools["tool"].function.__globals__["go"].set()
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and thread.name == "flashlive-tool":
                thread.join(5)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")

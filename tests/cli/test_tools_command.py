"""`flashlive tools`: what is shown of a tools file, and a tool called by hand."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "tools.py"

TOOLS = '''\
import asyncio, os, sys, subprocess, time
from typing import Annotated, Literal
from pydantic import BaseModel, Field
from flashlive_cli import tool

class Line(BaseModel):
    """One line.

    Attributes:
        sku: What is ordered.
    """
    sku: str
    n: Annotated[int, Field(ge=1)] = 1

@tool(confirm=True, timeout_s=2.5, blocking=False, scheduling="silent")
def order(lines: list[Line], note: str | None = None, size: Literal["S", "L"] = "S"):
    """Order things.

    Args:
        lines: What to order.
    """
    return f"{len(lines)} lines"

@tool(blocking=True)
def bare(): return None

def echo(text: str):
    print("heard", text)
    print("\\x1b[2J")
    subprocess.run([sys.executable, "-c", "print('from a child')"])
    return text

def fail(): raise OSError("down")

def count(n: int):
    for i in range(n):
        yield i
    return "counted"

def stuck(): time.sleep(60)
async def waits(): await asyncio.sleep(60)
async def blocks(): time.sleep(60)
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tools.py"
    path.write_text(TOOLS)
    return path


def test_help_is_there(shell) -> None:
    done = shell("tools", "--help")

    assert (done.code, done.err) == (0, "")
    assert "--call" in done.out


def test_the_model_s_view_is_shown(shell, file) -> None:
    done = shell("tools", "tools.py")

    assert (done.code, done.err) == (0, "")
    order, bare, *_ = done.out.split("\n\n")
    assert order == dedent(
        """\
        order  (tools.py:16)
            asks first, runs beside the talk, its answer is not spoken (SILENT), takes 2.5 s at most
            Order things.
            lines        array of object, required
                         What to order.
            lines[].sku  string, required
                         What is ordered.
            lines[].n    integer (from 1), default 1
            note         string or null
            size         "S" | "L", default "S\""""
    )
    assert bare == "bare  (tools.py:25)\n    the model waits for it"


def test_as_json_the_declarations_are_those_of_the_wire(shell, file) -> None:
    done = shell("tools", "tools.py", "--json")

    shown = json.loads(done.out)
    assert (done.code, shown["schema"]) == (0, 1)
    order, bare, *_ = shown["tools"]
    assert order["declaration"]["parameters"]["properties"]["size"] == {
        "type": "STRING",
        "enum": ["S", "L"],
        "default": "S",
    }
    assert order["options"] == {"confirm": True, "timeout_s": 2.5, "blocking": False, "scheduling": "SILENT"}
    assert order["origin"] == "tools.py:16"
    assert bare["declaration"] == {"name": "bare"}


def test_several_files_are_one_set(shell, file) -> None:
    (file.parent / "more.py").write_text("def more(): ...\n")

    assert "more  (more.py:1)" in shell("tools", "tools.py", "more.py").out
    clash = shell("tools", "tools.py", "tools.py")
    assert (clash.code, clash.out) == (2, "")
    assert "a tool order exists already" in clash.err


def test_the_example_is_shown(shell) -> None:
    done = shell("tools", EXAMPLE)

    assert done.code == 0
    assert "refund_order" in done.out
    assert "    asks first\n" in done.out


def test_what_a_file_says_cannot_steer_the_terminal(shell, tmp_path) -> None:
    (tmp_path / "tools.py").write_text('def a():\n    """Do\\x1b[2J it.\\n\\n    \\u202eMore."""\n')

    for options in ([], ["--json"]):
        out = shell("tools", "tools.py", *options).out
        assert "\x1b" not in out
        assert "\u202e" not in out


def test_a_tool_is_called_and_its_answer_printed(shell, file) -> None:
    done = shell("tools", "tools.py", "--call", "order", "--args", '{"lines": [{"sku": "a"}]}')

    assert (done.code, done.out, done.err) == (0, 'output: "1 lines"\n', "")


def test_without_arguments_a_tool_gets_none(shell, file) -> None:
    assert shell("tools", "tools.py", "--call", "bare").out == "output: null\n"


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("fail", "{}", "error: OSError: down\n"),
        ("order", "{}", "error: bad arguments: lines: is missing\n"),
        ("echo", '{"text": 3}', "error: bad arguments: text: Input should be a valid string\n"),
    ],
)
def test_an_error_for_the_model_is_exit_code_1(shell, file, name, args, said) -> None:
    done = shell("tools", "tools.py", "--call", name, "--args", args)

    assert (done.code, done.out) == (1, said)


def test_interim_answers_are_printed_as_they_come(shell, file) -> None:
    done = shell("tools", "tools.py", "--call", "count", "--args", '{"n": 2}')

    assert (done.code, done.out) == (0, 'interim: 0\ninterim: 1\noutput: "counted"\n')


def test_as_ndjson_each_answer_is_a_line(shell, file) -> None:
    done = shell("tools", "tools.py", "--json", "--call", "count", "--args", '{"n": 1}')

    assert done.records() == [
        {"schema": 1, "type": "tool.answer", "name": "count", "final": False, "response": {"output": 0}},
        {"schema": 1, "type": "tool.answer", "name": "count", "final": True, "response": {"output": "counted"}},
    ]


def test_what_a_tool_prints_goes_to_stderr(shell, file) -> None:
    with shell.started("tools", "tools.py", "--call", "echo", "--args", '{"text": "ä"}') as process:
        out, err = process.communicate(timeout=30)

    assert (process.returncode, out) == (0, 'output: "ä"\n')
    assert "tool: echo printed: heard ä\n" in err
    assert "tool: echo printed: \\x1b[2J\n" in err
    assert "from a child\n" in err


def test_arguments_come_from_a_file_or_a_pipe(shell, file, tmp_path) -> None:
    (tmp_path / "args.json").write_text('{"n": 0}')
    assert shell("tools", "tools.py", "--call", "count", "--args", "@args.json").out == 'output: "counted"\n'

    with shell.started("tools", "tools.py", "--call", "count", "--args", "-", stdin=subprocess.PIPE) as process:
        out, err = process.communicate('{"n": 0}', timeout=30)
    assert (process.returncode, out) == (0, 'output: "counted"\n'), err


WRONG = [
    (["nowhere.py"], "nowhere.py: no such file"),
    (["tools.py", "--call", "cuont"], "there is no tool cuont; the nearest is count"),
    (["tools.py", "--call", "count", "--args", "{n: 1}"], "--args: no JSON: "),
    (["tools.py", "--call", "count", "--args", "[1]"], '--args: a JSON object is wanted, such as {"city": "Oslo"}'),
    (["tools.py", "--call", "count", "--args", '{"n": NaN}'], "--args: no JSON: NaN is none of its values"),
    (["tools.py", "--call", "count", "--args", ""], "--args: no JSON: "),
    (["tools.py", "--call", "count", "--args", "[" * 100_000], "--args: no JSON: "),
    (["tools.py", "--call", "count", "--args", "@nowhere"], "the arguments in nowhere cannot be read: No such file"),
    (["tools.py", "--call", "count", "--args", "@latin"], "the arguments in latin cannot be read: it is no UTF-8 text"),
    (["tools.py", "--args", "{}"], "--args goes with --call"),
    (["tools.py", "--timeout", "3"], "--timeout goes with --call"),
    (["tools.py", "--call", "count", "--timeout", "0"], "--timeout 0: seconds above 0 are wanted"),
    (["tools.py", "--call", "count", "--timeout", "nan"], "--timeout nan: seconds above 0 are wanted"),
    ([], "Missing argument 'FILE...'"),
]


@pytest.mark.parametrize(("options", "said"), WRONG, ids=[words for _, words in WRONG])
def test_what_is_wrong_with_the_command_is_exit_code_2(shell, file, options, said) -> None:
    (file.parent / "latin").write_bytes(b"\xff")

    done = shell("tools", *options)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("flashlive: error: ")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_a_broken_file_is_told_with_its_line(shell, tmp_path) -> None:
    (tmp_path / "tools.py").write_text("def a(x: int = 'many'): ...\n")

    done = shell("tools", "tools.py")

    assert done.code == 2
    assert done.err.startswith("flashlive: error: tools.py:1: a(): parameter x has a default that does not fit")


@pytest.mark.parametrize("name", ["stuck", "waits"])
def test_a_time_limit_may_be_given(shell, file, name) -> None:
    done = shell("tools", "tools.py", "--call", name, "--timeout", "0.05")

    assert (done.code, done.out) == (1, f"error: no answer from {name} within 0.05 s\n")


@pytest.mark.parametrize("name", ["stuck", "waits", "blocks"])
def test_ctrl_c_ends_a_call_at_once(shell, file, name) -> None:
    file.write_text(f"{TOOLS}\nprint('loaded', file=sys.stderr)\n")
    source = file.read_text().replace("time.sleep(60)", "(print('asleep'), time.sleep(60))")
    file.write_text(source.replace("await asyncio.sleep(60)", "(print('asleep'), await asyncio.sleep(60))"))

    with shell.started("tools", "tools.py", "--call", name) as process:
        while "asleep" not in process.stderr.readline():
            assert process.poll() is None
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "")
    assert time.monotonic() - started < 10


def test_a_reader_that_leaves_ends_it_quietly(shell, file) -> None:
    with shell.started("tools", "tools.py", "--call", "count", "--args", '{"n": 100000}') as process:
        assert process.stdout.readline() == "interim: 0\n"
        process.stdout.close()
        assert process.wait(30) == 1
        assert process.stderr.read() == ""


def test_it_needs_neither_sound_nor_network(file) -> None:
    heavy = "{'numpy', 'sounddevice', 'websockets', 'rich'}"
    code = (
        "import sys; from flashlive_cli.cli import main; code = main(['tools', 'tools.py', '--call', 'bare']);"
        f"loaded = {heavy} & set(sys.modules); assert code == 0 and not loaded, (code, loaded)"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=file.parent, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr

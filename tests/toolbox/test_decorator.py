"""`@tool`: what it notes, what it leaves alone, and what it refuses."""

import re
import subprocess
import sys
from typing import get_args

import pytest

from flashlive_cli import tool
from flashlive_cli.decorator import SCHEDULINGS, options_of
from flashlive_cli.errors import ToolError
from flashlive_cli.toolbox import Options, Scheduling

IMPORT = "from flashlive_cli import tool\n"

OPTIONS = [
    ("@tool", Options()),
    ("@tool()", Options()),
    ("@tool(confirm=True)", Options(confirm=True)),
    ("@tool(confirm=None, timeout_s=None, blocking=None, scheduling=None)", Options()),
    ("@tool(timeout_s=2.5, blocking=False)", Options(timeout_s=2.5, blocking=False)),
    ("@tool(scheduling='silent')", Options(scheduling="SILENT")),
    ("@tool(scheduling='When_Idle', blocking=False)", Options(blocking=False, scheduling="WHEN_IDLE")),
    ("@tool(scheduling='INTERRUPT')", Options(scheduling="INTERRUPT")),
    ("@tool(confirm=True)\n@tool(timeout_s=3)", Options(confirm=True, timeout_s=3)),
    ("@tool(timeout_s=2)\n@tool(timeout_s=3)", Options(timeout_s=2)),
]


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("decorator", "options"), OPTIONS)
def test_options_are_noted(load, kind, decorator, options) -> None:
    (found,) = load(f"{IMPORT}{decorator}\n{kind} act(n: int): yield n").tools

    assert found.options == options
    assert found.declaration.name == "act"


async def test_a_name_and_a_description_replace_the_functions_own(load) -> None:
    box = load(
        f'''{IMPORT}
@tool(name="shop.refund-order", description="""
    Give the money back.

    All of it.
""")
def refund(order_id: str):
    """Refund.

    Args:
        order_id: Such as A-1.
    """
    return order_id
'''
    )

    (declaration,) = box.declarations
    assert declaration.name == "shop.refund-order"
    assert declaration.description == "Give the money back.\n\nAll of it."
    assert declaration.parameters["properties"]["order_id"]["description"] == "Such as A-1."
    assert await box.call("shop.refund-order", {"order_id": "A-1"}) == {"output": "A-1"}


@pytest.mark.parametrize("order", ["@tool(confirm=True)\n@_logged", "@_logged\n@tool(confirm=True)"])
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_other_decorators_may_stand_above_and_below(load, order, kind) -> None:
    box = load(
        f"""{IMPORT}
import functools
def _logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        print("called")
        return function(*args, **kwargs)
    return wrapper
{order}
{kind} act(n: int): return n + 1
"""
    )

    assert box.tools[0].options == Options(confirm=True)
    assert await box.call("act", {"n": 1}) == {"output": 2}


async def test_a_cached_function_may_be_marked_above_and_below(load) -> None:
    box = load(
        f"""{IMPORT}
import functools
@tool(confirm=True)
@functools.cache
def a(): ...
@functools.cache
@tool(confirm=True)
def b(): ...
"""
    )

    assert [found.options.confirm for found in box.tools] == [True, True]


def test_the_function_stays_what_it_is() -> None:
    def plain(n: int) -> int:
        return n + 1

    @tool(confirm=True)
    def marked(n: int) -> int:
        return n + 1

    assert tool(plain) is plain
    assert plain(1) == marked(1) == 2
    assert options_of(marked) == {"confirm": True}


def test_the_words_for_scheduling_are_the_same_everywhere() -> None:
    assert set(get_args(Scheduling)) == set(SCHEDULINGS)


WRONG = [
    ("@tool(scheduling='later')", "scheduling takes one of SILENT, WHEN_IDLE, INTERRUPT, not 'later'"),
    ("@tool(scheduling=3)", "scheduling takes one of"),
    ("@tool(timeout_s=0)", "timeout_s takes seconds, a number above 0, not 0"),
    ("@tool(timeout_s=-1.5)", "above 0, not -1.5"),
    ("@tool(timeout_s='5')", "above 0, not '5'"),
    ("@tool(timeout_s=True)", "above 0, not True"),
    ("@tool(timeout_s=float('inf'))", "above 0, not inf"),
    ("@tool(confirm='yes')", "confirm takes True or False, not 'yes'"),
    ("@tool(confirm=1)", "confirm takes True or False, not 1"),
    ("@tool(blocking=0)", "blocking takes True or False, not 0"),
    ("@tool(name=3)", "name takes text, not 3"),
    ("@tool(description=['a'])", "description takes text, not ['a']"),
    ("@tool(timeout=3)", "takes no timeout; it takes confirm, timeout_s, blocking, scheduling, name, description"),
    ("@tool(blocking=True, scheduling='silent')", "scheduling=SILENT is for answers that the model does not wait for"),
    ("@tool(blocking=True)\n@tool(scheduling='silent')", "with blocking=True it waits: leave one of them out"),
]


@pytest.mark.parametrize(("decorator", "words"), WRONG)
def test_a_wrong_option_is_refused_with_its_place_and_what_is_allowed(load, decorator, words) -> None:
    with pytest.raises(ToolError, match=rf"tools\.py:6: @tool of act\(\).*{re.escape(words)}"):
        load(f"{IMPORT}{decorator}\ndef act(): ...")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("tool(3)", "and this is 3"),
        ("tool('name')\ndef act(): ...", "and this is 'name'"),
        ("@tool\nclass Act: ...", "and this is <class"),
        ("@tool(confirm=True)\nclass Act: ...", "and this is <class"),
        ("tool(print)", "and this is <built-in function print>"),
    ],
)
def test_what_is_no_function_is_refused(load, source, words) -> None:
    with pytest.raises(ToolError, match=rf"tools\.py:6: @tool is for functions written with def, {words}"):
        load(f"{IMPORT}{source}")


def test_a_mistake_in_a_neighbour_is_told_there(tmp_path, monkeypatch) -> None:
    from flashlive_cli.toolbox import load_tools

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "flashlive_marked.py").write_text(f"{IMPORT}\n@tool(timeout_s=0)\ndef act(): ...\n")
    (tmp_path / "tools.py").write_text("from flashlive_marked import act\n")

    with pytest.raises(ToolError, match=r"flashlive_marked\.py:3: @tool of act\(\): timeout_s"):
        load_tools(tmp_path / "tools.py")


def test_two_tools_of_one_name_are_refused_wherever_the_name_is_from(load) -> None:
    with pytest.raises(ToolError, match=r"tools\.py:8: a tool a exists already, in .*tools\.py:6"):
        load(f"{IMPORT}def a(): ...\n@tool(name='a')\ndef b(): ...")


def test_type_checkers_know_what_it_takes(tmp_path) -> None:
    right = (
        "@tool\ndef a(n: int) -> int: return n\n"
        "@tool(confirm=True, timeout_s=3, scheduling='silent', blocking=False, name='c', description='d')\n"
        "async def b(n: int) -> int: return n\n"
        "x: int = a(1)\n"
    )
    wrong = "@tool(confrim=True)\ndef c() -> None: ...\n@tool(scheduling='later')\ndef d() -> None: ...\na('text')\n"
    (tmp_path / "marked.py").write_text(IMPORT + right + wrong)

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--hide-error-context", "marked.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    lines = {int(line.split(":")[1]) for line in done.stdout.splitlines() if "error:" in line}
    n_right = (IMPORT + right).count("\n")
    assert lines == {n_right + 1, n_right + 3, n_right + 5}, done.stdout + done.stderr

"""Tools with canned results."""

import pytest

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ToolError
from flashlive_cli.scenario.schema import Tools
from flashlive_cli.scenario.stubs import make_toolbox

CODE = '''
from flashlive_cli import tool

@tool(blocking=False, scheduling="INTERRUPT")
def check(order_id: str) -> str:
    """
    Look an order up.

    Args:
        order_id: Its number.
    """
    return "really"

def other() -> str:
    """Do something else."""
    return "other"
'''


@pytest.fixture
def toolbox(tmp_path):
    def make(*, files=False, speed=100.0, **stubs):
        path = tmp_path / "tools.py"
        path.write_text(CODE, encoding="utf-8")
        given = {"files": [str(path)] if files else [], "stubs": stubs}
        return make_toolbox(Tools.model_validate(given), Clock(speed))

    return make


async def answers(box, name, n=1):
    found = box.find(name)
    return [outcome.response for _ in range(n) async for outcome in found.run({})]


async def test_it_returns_what_is_written(toolbox):
    box = toolbox(f={"returns": {"left": 2}}, g={"returns": None}, h={"error": "broken"})
    assert await answers(box, "f") == [{"output": {"left": 2}}]
    assert await answers(box, "g") == [{"output": None}]
    assert await answers(box, "h") == [{"error": "broken"}]


async def test_a_sequence_is_answered_call_by_call_and_its_last_again_and_again(toolbox):
    box = toolbox(f={"sequence": ["a", "b"]}, g={"sequence": ["x"]})
    assert [each["output"] for each in await answers(box, "f", 4)] == ["a", "b", "b", "b"]
    assert [each["output"] for each in await answers(box, "g", 2)] == ["x", "x"]


async def test_it_takes_its_time_of_the_conversation(toolbox):
    box = toolbox(speed=50.0, f={"returns": 1, "takes_ms": 5000})
    clock = Clock(50.0)
    await answers(box, "f")
    assert 4.9 <= clock.now() <= 60, "5 s of the conversation, and what a busy machine needs"


async def test_a_stub_is_declared_as_the_function_that_it_stands_for(toolbox):
    box = toolbox(files=True, check={"returns": "canned"})
    real = toolbox(files=True, other={"returns": 1}).find("check")
    stub = box.find("check")
    assert stub.declaration == real.declaration
    assert (stub.options.blocking, stub.options.scheduling) == (False, "INTERRUPT")
    assert await answers(box, "check") == [{"output": "canned"}]
    assert await answers(box, "other") == [{"output": "other"}]


def test_what_a_stub_says_of_itself_holds(toolbox):
    schema = {"type": "object", "properties": {}}
    stub = toolbox(
        files=True, check={"returns": 1, "description": "Mine.", "parameters": schema, "blocking": True}
    ).find("check")
    assert (stub.declaration.name, stub.declaration.description) == ("check", "Mine.")
    assert stub.declaration.parameters == schema
    assert stub.options.blocking is True


def test_without_tools_there_is_no_toolbox(toolbox):
    assert toolbox() is None


@pytest.mark.parametrize("stub", [{"returns": float("inf")}, {"sequence": [1, float("nan")]}])
def test_a_result_that_is_no_json_is_told_before_the_talk(toolbox, stub):
    with pytest.raises(ToolError, match="the stub f: "):
        toolbox(f=stub)

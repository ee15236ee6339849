"""A tools file that is saved during a talk."""

import json
import time
from typing import Any

import pytest

TOOLS = 'def look(order_id: str) -> str:\n    """Look an order up."""\n    return "version one"\n'
SCENARIO = """
[[turn]]
[turn.sim]
calls = [{ name = "look", args = { order_id = "A-1" } }]
reply = "Answer: {result}"
[[turn]]
[turn.sim]
heard = "Wait a moment."
reply = "I wait."
[[turn]]
[turn.sim]
calls = [{ name = "look", args = { order_id = "A-2" } }]
reply = "Second: {result}"
"""
ARGS = ("talk", "--sim", "--scenario", "s.toml", "--tools", "tools.py", "--format", "json")


@pytest.fixture
def shop(shell: Any) -> Any:
    (shell.folder / "tools.py").write_text(TOOLS)
    (shell.folder / "s.toml").write_text(SCENARIO)
    return shell


def talk_saving(shop: Any, text: str | None) -> list[dict[str, Any]]:
    """Hold two turns; the tools file is saved anew once the first is answered, and the second waits for that."""
    records = []
    # the second turn is spoken: while its three seconds of silence pass, the file is found to have changed
    wav = shop.wav("q.wav", 3.0)
    with shop.started(*ARGS, "-x", "look", "-i", wav, "-x", "look") as process:
        assert process.stdout is not None
        for line in process.stdout:
            records.append(json.loads(line))
            if (
                records[-1]["type"] == "tool.finished"
                and len([r for r in records if r["type"] == "tool.finished"]) == 1
            ):
                time.sleep(0.02)  # another time of change, on any file system
                if text is None:
                    (shop.folder / "tools.py").unlink()
                else:
                    (shop.folder / "tools.py").write_text(text)
        assert process.wait(30) == 0, process.stderr.read()
    return records


def of(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [record for record in records if record["type"] == kind]


def test_a_new_tool_is_told_over_a_resumed_connection_between_two_turns(shop) -> None:
    new = TOOLS.replace("one", "two") + '\ndef refund(order_id: str) -> str:\n    """Pay back."""\n    return "paid"\n'
    records = talk_saving(shop, new)

    [moved] = of(records, "session.resumed")
    assert moved["resumed"]
    assert moved["tools"] == ["look", "refund"]
    assert [r["response"]["output"] for r in of(records, "tool.finished")] == ["version one", "version two"]
    texts = [r["text"] for r in of(records, "transcript") if r["role"] == "model" and r["final"]]
    assert texts[0] == "Answer: version one"
    assert "Second: version two" in texts, "the resumed session knows how far the scenario has come"


def test_a_change_that_the_model_cannot_see_moves_nothing(shop) -> None:
    records = talk_saving(shop, TOOLS.replace("one", "two"))

    assert not of(records, "session.moving")
    assert [r["response"]["output"] for r in of(records, "tool.finished")] == ["version one", "version two"]
    assert any("loaded again" in r["message"] for r in of(records, "warning"))


def test_a_version_that_does_not_load_is_told_and_the_old_one_stays(shop) -> None:
    records = talk_saving(shop, TOOLS + "\ndef broken(:\n")

    assert not of(records, "session.moving")
    [warning] = [r["message"] for r in of(records, "warning") if "tools.py" in r["message"]]
    assert "tools.py:5: SyntaxError" in warning
    assert "the tools of before stay" in warning
    assert [r["response"]["output"] for r in of(records, "tool.finished")] == ["version one"] * 2


def test_a_file_that_is_gone_is_told_and_its_tools_stay(shop) -> None:
    records = talk_saving(shop, None)

    assert [r["response"]["output"] for r in of(records, "tool.finished")] == ["version one"] * 2
    assert any("is gone; the tools of before stay" in r["message"] for r in of(records, "warning"))

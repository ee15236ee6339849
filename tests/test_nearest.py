"""How a name that nothing has is answered."""

import ast
from pathlib import Path

import pytest

from flashlive_cli.nearest import did_you_mean, meant_or_known, nearest

PACKAGE = Path(__file__).parents[1] / "flashlive_cli"
KNOWN = ("reply", "repeat", "Voice")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("repl", "reply"), ("REPLY", "reply"), ("voise", "Voice"), ("repeats", "repeat"), ("tempo", None), ("", None)],
)
def test_the_nearest_is_found_in_any_letter_case(name, meant) -> None:
    assert nearest(name, KNOWN) == meant


def test_how_near_it_must_be_can_be_told() -> None:
    assert nearest("voise", KNOWN, likeness=0.9) is None
    assert nearest("tempo", KNOWN, likeness=0.0) in KNOWN
    assert nearest("tempo", (), likeness=0.0) is None


def test_where_none_is_near_a_sentence_ends_otherwise() -> None:
    assert did_you_mean("voise", KNOWN) == "; did you mean Voice?"
    assert did_you_mean("tempo", KNOWN) == ""
    assert did_you_mean("tempo", KNOWN, otherwise="; there is more") == "; there is more"


def test_of_keys_all_are_named_where_none_is_near() -> None:
    assert meant_or_known("voise", KNOWN) == "; did you mean `Voice`?"
    assert meant_or_known("tempo", iter(KNOWN)) == "; known are reply, repeat, Voice"


def test_nobody_else_measures_how_near_a_name_is() -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(alias.name == "difflib" for alias in node.names)
    }

    assert users == {"nearest.py"}

"""The key, in whatever spelling, is in nothing that is written."""

import base64
import json
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.recording.redact import HANDLE, KEY, Redactor

SECRET = "AIzaSy/Ab+c_d-E=9.x"


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(char):04X}" for char in text)


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        SECRET.replace("/", "\\/"),
        SECRET.replace("_", "\\_"),
        escaped(SECRET),
        json.dumps(escaped(SECRET))[1:-1],
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote(SECRET),
        urllib.parse.quote(urllib.parse.quote(SECRET, safe="")),
        "".join(f"%{ord(char):02x}" for char in SECRET),
    ],
)
def test_every_spelling_is_replaced(spelled: str) -> None:
    redactor = Redactor([SECRET])

    assert redactor.text(f"a {spelled} b") == f"a {KEY} b"
    assert redactor.message(json.dumps({"a": [spelled], spelled: 1})) == {"a": [KEY], KEY: 1}
    assert redactor.plain({"deep": ({"x": spelled},)}) == {"deep": [{"x": KEY}]}


def test_json_in_json_and_objects_of_strangers_hide_nothing() -> None:
    class Stranger:
        def __str__(self) -> str:
            return f"holds {SECRET}"

    redactor = Redactor(["", SECRET])
    twice = json.dumps({"inner": json.dumps({"key": SECRET})})

    assert SECRET not in json.dumps(redactor.message(twice))
    assert redactor.plain([Stranger()]) == [f"holds {KEY}"]


@pytest.mark.parametrize(
    "message",
    [
        {"setup": {"sessionResumption": {"handle": "abc"}}},
        {"setup": {"session_resumption": {"handle": "abc"}}},
        {"sessionResumptionUpdate": {"newHandle": "abc", "resumable": True}},
        {"session_resumption_update": {"new_handle": "abc"}},
    ],
)
def test_handles_are_replaced(message) -> None:
    told = json.dumps(Redactor([]).message(json.dumps(message, indent=2).encode() + b"\n"))

    assert "abc" not in told
    assert HANDLE in told


def test_what_asks_for_a_handle_without_having_one_stays() -> None:
    message: dict[str, object] = {"setup": {"sessionResumption": {}}}

    assert Redactor([]).message(json.dumps(message)) == message


@pytest.mark.parametrize("torn", ['{"newHandle": "abc', '{"sessionResumption": {"handle":"abc"}, NaN', "[" * 100_000])
def test_what_is_no_json_is_kept_as_a_string(torn: str) -> None:
    told = Redactor([]).message(torn)

    assert isinstance(told, str)
    assert "abc" not in told


def test_bytes_that_are_no_text_are_kept_as_far_as_can_be() -> None:
    assert Redactor([]).message(b"\xff{") == "\ufffd{"


def test_other_strings_and_sound_stay() -> None:
    sound = base64.b64encode(bytes(range(256)) * 40).decode()
    message = {"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": sound}}]}}, "n": [1, 2.5, None, True]}

    assert Redactor([SECRET]).message(json.dumps(message)) == message


@given(st.text(alphabet='\\"%u0041x', max_size=30), st.text(alphabet='ab\\"%/', min_size=1, max_size=4))
def test_no_text_makes_it_fail_or_lets_a_secret_through(text: str, secret: str) -> None:
    assert secret not in Redactor([secret]).text(f"{text}{secret}{text}").replace(KEY, "")


def test_a_hostile_text_takes_no_long_time() -> None:
    """A test of form: backslashes by the hundred thousand end within the test's own timeout."""
    text = "\\" * 300_000 + "%25" * 100_000

    assert Redactor([SECRET]).text(text) == text

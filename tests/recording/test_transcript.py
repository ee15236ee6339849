"""The transcript: what it shows, that nobody's words break it, and its other forms."""

import json
import os
import stat
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from flashlive_cli import reports as r
from flashlive_cli.errors import FileError
from flashlive_cli.printable import printable
from flashlive_cli.recording import markdown
from flashlive_cli.recording.story import Called, Entry, Noted, Said
from flashlive_cli.recording.transcript import TranscriptFile
from flashlive_cli.recording.wording import one_line

BEGAN = datetime(2026, 11, 22, 21, 30, 5, tzinfo=UTC)
PARSER = MarkdownIt("commonmark").enable(["strikethrough", "table"])
NASTY = st.text(max_size=80) | st.text(alphabet="\\`*_{}[]()<>#+-.!|~&$=:1 \n\tab^\"'", max_size=60)

TALK: list[tuple[float, int, r.Report]] = [
    (0.5, 1, r.SessionReady("gemini-x", "Puck", (), simulated=True, setup_ms=300.0)),
    (2.0, 1, r.Transcript("user", "Where is *my* order?", final=True)),
    (2.5, 1, r.ToolCalled("1", "check_order", {"id": "A-1"})),
    (2.6, 1, r.ToolFinished("1", "check_order", True, {"output": "`shipped`"}, 100.0)),
    (3.0, 1, r.ReplyStarted()),
    (3.1, 1, r.ReplyFirstSample()),
    (4.1, 1, r.ReplyFlushed(1000.0, 1000.0)),
    (4.2, 1, r.Transcript("model", "It has been shipped.", final=True, heard="It has")),
    (4.2, 1, r.ReplyComplete(2000.0, interrupted=True)),
    (4.5, 2, r.Warned("careful")),
    (5.0, 2, r.SessionClosed(1000, "", 5.0, 1)),
]


def unexpected(message: str) -> None:
    raise AssertionError(message)


def inline_text(source: str) -> str:
    """The words that a reader of the rendered document sees, and nothing but them: no links, no emphasis."""
    tokens = PARSER.parse(source)
    assert [token.type for token in tokens] in ([], ["paragraph_open", "inline", "paragraph_close"])
    children = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in children} <= {"text", "text_special"}
    return "".join(child.content for child in children)


@given(NASTY)
def test_escaped_text_shows_these_words_and_nothing_else(text: str) -> None:
    assert inline_text(markdown.escaped(text)) == " ".join(printable(text).split())


@given(NASTY)
def test_code_shows_these_words_and_nothing_else(text: str) -> None:
    (_, inline, _) = PARSER.parse(f"before {markdown.code(text)} after")

    assert [child.type for child in inline.children or ()] == ["text", "code_inline", "text"]
    assert (inline.children or [])[1].content.strip() == " ".join(printable(text).split())


@given(NASTY, NASTY, NASTY)
def test_every_entry_is_one_block_of_the_document(text: str, other: str, name: str) -> None:
    heard = text[: len(text) // 2]
    said = Said("model", 1, text, heard, 1.0, 2.0)
    entries: list[Entry] = [
        said,
        Called(1, "1", name, {other: text}, 1.0, "ok", {"output": other}, 3.0),
        Noted(1, 1, "note", text),
    ]

    tokens = PARSER.parse("".join(map(markdown.paragraph, entries)))

    assert [token.type for token in tokens if token.level == 0 and token.nesting >= 0] == [
        "paragraph_open", "inline", "bullet_list_open", "blockquote_open",
    ] or [token.type for token in tokens if token.level == 0 and token.nesting >= 0] == [
        "paragraph_open", "bullet_list_open", "blockquote_open",
    ]  # fmt: skip
    inline = next(token for token in tokens if token.type == "inline")
    struck = [child for child in inline.children or () if child.type == "s_open"]
    assert len(struck) == bool(one_line(said.unheard))


def test_the_talk_as_markdown(tmp_path: Path) -> None:
    path = tmp_path / "talk.md"
    with TranscriptFile(path, failed=unexpected, began=BEGAN) as transcript:
        for each in TALK:
            transcript.listen(r.Stamped(*each))

    assert path.read_text() == (
        "# Conversation of 2026-11-22 21:30:05\n\n- date: 2026-11-22T21:30:05+00:00\n"
        "- model: gemini-x (simulated)\n- voice: Puck\n\n"
        "**you** (0:02): Where is \\*my\\* order?\n\n"
        '- (0:02) `check_order` `{"id": "A-1"}`: ``"`shipped`"`` (100 ms)\n\n'
        "**gemini** (0:03): It has ~~been shipped.~~ (not heard)\n\n"
        "> warning (0:04): careful\n\n"
        "---\n\nended after 0:05: 1 turn\n"
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 or sys.platform == "win32"


def test_the_talk_as_text(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    with TranscriptFile(path, failed=unexpected, began=BEGAN) as transcript:
        for each in TALK:
            transcript.listen(r.Stamped(*each))

    assert path.read_text() == (
        "2026-11-22 21:30:05  gemini-x, voice Puck, simulated\n"
        "   0:02  you: Where is *my* order?\n"
        '   0:02  tool: check_order {"id": "A-1"}: "`shipped`" (100 ms)\n'
        "   0:03  gemini: It has [not heard: been shipped.]\n"
        "   0:04  warning: careful\n"
        "         ended after 0:05: 1 turn\n"
    )


@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".json"])
def test_other_forms_are_whole_at_any_moment(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"talk{suffix}"
    path.write_text("something older")
    with TranscriptFile(path, failed=unexpected, began=BEGAN) as transcript:
        assert "older" not in path.read_text()
        for each in TALK[:2]:
            transcript.listen(r.Stamped(*each))
        deadline = time.monotonic() + 10
        while "order?" not in path.read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
        text = path.read_text()
        assert "order?" in text
        assert suffix != ".json" or json.loads(text)["conversation"][0]["said"][0]["role"] == "user"
        for each in TALK[2:]:
            transcript.listen(r.Stamped(*each))

    assert "It has" in path.read_text()
    assert [other.name for other in tmp_path.iterdir()] == [path.name]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 or sys.platform == "win32"


def test_the_key_is_in_no_transcript(tmp_path: Path) -> None:
    for suffix in (".md", ".txt", ".json", ".srt", ".vtt"):
        path = tmp_path / f"talk{suffix}"
        with TranscriptFile(path, failed=unexpected, secrets=["AIza_s-ecret"]) as transcript:
            transcript.listen(r.Stamped(1.0, 1, r.Transcript("user", "AIza_s-ecret", final=True)))
            transcript.listen(r.Stamped(1.0, 1, r.ToolFinished("1", "f", True, {"output": ["AIza_s-ecret"]}, 1.0)))

        assert "s-ecret" not in path.read_text()
        assert "key" in path.read_text()


@pytest.mark.parametrize("name", ["no/such/folder.md", "no/such/folder.srt", "", "nul\0l.md", "nul\0l.json"])
def test_a_file_that_cannot_be_created_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError, match="cannot be created"):
        TranscriptFile(f"{tmp_path}/{name}", failed=unexpected)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
@pytest.mark.parametrize("suffix", [".md", ".srt"])
def test_a_full_disk_is_told_once_and_the_thread_ends(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"full{suffix}"
    told: list[str] = []
    transcript = TranscriptFile(path, failed=told.append, began=BEGAN)
    if suffix == ".md":  # the same file, on a disk that has become full
        os.dup2(os.open("/dev/full", os.O_WRONLY), transcript._scribe._paper._file._descriptor)  # type: ignore[attr-defined]
    else:
        path.with_name(f".{path.name}.part").symlink_to("/dev/full")
    with transcript:
        for each in TALK:
            transcript.listen(r.Stamped(*each))

    assert len(told) == 1
    assert "No space left" in told[0]
    assert not any(thread.name == "flashlive-transcript" for thread in threading.enumerate())

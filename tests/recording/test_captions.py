"""Captions: in order, apart, readable, and complete."""

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.recording.captions import COLUMNS, LINES, captions, columns, srt, vtt, wrapped
from flashlive_cli.recording.story import Called, Entry, Said

TIMES = re.compile(r"^(\d\d+):(\d\d):(\d\d)[,.](\d{3}) --> (\d\d+):(\d\d):(\d\d)[,.](\d{3})$")

SAID = st.builds(
    lambda role, text, begins_s, length_s: Said(role, 1, text, text, begins_s, begins_s + length_s),
    st.sampled_from(["user", "model"]),
    st.text(max_size=200) | st.text(alphabet="ab <>&-\n>", max_size=200) | st.text(alphabet="日本語、", max_size=80),
    st.floats(0, 10_000),
    st.floats(0, 60),
)


def spans(text: str) -> list[tuple[int, int]]:
    found = [match.groups() for line in text.split("\n") if (match := TIMES.match(line))]
    return [tuple(_ms(*group) for group in (times[:4], times[4:])) for times in found]  # type: ignore[misc]


def _ms(hours: str, minutes: str, seconds: str, ms: str) -> int:
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(ms)


@given(st.lists(SAID, max_size=12))
def test_captions_follow_each_other_and_never_overlap(entries: list[Entry]) -> None:
    for form in (srt, vtt):
        found = spans(form(entries))
        assert len(found) == len(captions(entries))
        assert all(begin < end for begin, end in found)
        assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(found))


@given(st.lists(SAID, max_size=6))
def test_captions_hold_all_words_in_lines_that_fit(entries: list[Entry]) -> None:
    found = captions(entries)

    for caption in found:
        assert 1 <= len(caption.lines) <= LINES
        assert all(line.strip() == line and len(line) > 0 for line in caption.lines)
        assert all(columns(line) <= COLUMNS for line in caption.lines)
    from flashlive_cli.printable import printable

    said = sorted((entry for entry in entries if isinstance(entry, Said)), key=lambda entry: entry.begins_s)
    words = "".join("".join(printable(entry.text).split()) for entry in said)
    assert "".join("".join(line.split()) for caption in found for line in caption.lines) == words


@given(st.lists(SAID, max_size=6))
def test_nothing_said_looks_like_the_file_s_own_words(entries: list[Entry]) -> None:
    n = len(captions(entries))

    text = srt(entries)
    assert text.count("-->") == n
    blocks = [block for block in text.split("\n\n") if block]
    assert [block.split("\n")[0] for block in blocks] == [str(number) for number in range(1, n + 1)]

    text = vtt(entries)
    assert text.startswith("WEBVTT\n")
    assert text.count("-->") == n
    assert len(re.findall("<", text)) == n
    assert len([block for block in text.split("\n\n") if block]) == n + 1


def test_what_was_not_heard_is_not_shown() -> None:
    text = srt([Said("model", 1, "Once upon a time", "Once upon", 1.0, 2.5), Called(1, "1", "f", {}, 1.5, "ok")])

    assert text == "1\n00:00:01,000 --> 00:00:02,500\ngemini: Once upon\n"


def test_a_long_reply_is_cut_in_proportion_to_its_words() -> None:
    text = " ".join(["word"] * 40)

    found = captions([Said("model", 1, text, text, 10.0, 30.0)])

    assert (found[0].begins_ms, found[-1].ends_ms) == (10_000, 30_000)
    assert len(found) > 2
    assert [caption.opens for caption in found] == [True] + [False] * (len(found) - 1)


def test_who_speaks_is_told_and_angles_are_escaped() -> None:
    text = vtt([Said("user", 1, "1 < 2 & <b>", "1 < 2 & <b>", 3661.5, 3663.0)])

    assert text == "WEBVTT\n\n01:01:01.500 --> 01:01:03.000\n<v you>1 &lt; 2 &amp; &lt;b&gt;\n"


@given(st.text(), st.integers(2, 60))
def test_lines_are_no_wider_than_asked(text: str, width: int) -> None:
    assert all(columns(line) <= width for line in wrapped(text, width, first=2))

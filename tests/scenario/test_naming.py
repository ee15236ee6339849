"""Names of files: that every system takes, and that no system takes for one another."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.scenario.naming import MOST_CHARS, Slugs, slug

DEVICES = ["con", "NUL", "Prn", "aux", "com1", "COM0", "lpt9"]
TEXTS = st.one_of(
    st.text(),
    st.text("aA-. /\u00e9", max_size=3),
    st.text("xX.", min_size=MOST_CHARS - 2, max_size=MOST_CHARS + 2),
    st.builds("".join, st.tuples(st.sampled_from(DEVICES), st.sampled_from(["", ".", ".x", " ", "-2", "x"]))),
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a b/c\\d:e", "a-b-c-d-e"),
        ("..", "scenario"),
        ("\u00e9t\u00e9", "t"),
        ("x_1.2+3", "x_1.2+3"),
        ("ends. . ", "ends"),
        ("con", "con_"),
        ("NUL.scenario", "NUL_.scenario"),
        ("com1-Puck", "com1-Puck"),
        ("console", "console"),
        ("no.con", "no.con"),
    ],
)
def test_a_slug_is_a_file_name_everywhere(text, name):
    assert slug(text) == name


def test_long_texts_that_begin_alike_are_told_apart():
    long = "x" * MOST_CHARS
    assert slug(long) == long
    assert slug(long + "1") != slug(long + "2")
    assert slug(long + "1").startswith("x" * 80)


@given(st.lists(TEXTS, max_size=8))
def test_whatever_is_to_be_named_every_system_takes_the_names_and_tells_them_apart(texts):
    slugs, again = Slugs(), Slugs()
    names = [slugs.new(text) for text in texts]

    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_.+-]{1,100}", name)
        assert not name.endswith(".")
        assert name.split(".")[0].lower() not in {device.lower() for device in DEVICES}
    assert len({name.lower() for name in names}) == len(names)
    assert [again.new(text) for text in texts] == names

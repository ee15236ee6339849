"""Columns for people."""

import pytest

from flashlive_cli.cli.table import table


def test_columns_begin_below_their_heads_however_long_a_cell_is() -> None:
    assert table(("id", "what", ""), [("1", "a long cell", "x"), ("200", "", "")]) == [
        "id   what",
        "1    a long cell  x",
        "200",
    ]


def test_columns_hold_what_strangers_wrote_as_it_is_shown() -> None:
    """A control character takes as many columns as its escape."""
    assert table(("name", "n"), [("a\x1b[2J", "1"), ("b", "2")]) == [
        "name      n",
        "a\\x1b[2J  1",
        "b         2",
    ]


def test_a_table_without_rows_is_its_head() -> None:
    assert table(("id", "name"), []) == ["id  name"]


def test_a_cell_too_few_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="shorter"):
        table(("id", "name"), [("1",)])

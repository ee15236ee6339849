"""Columns for people, in plain text."""

from collections.abc import Iterable, Sequence

from flashlive_cli.printable import printable


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """
    Return lines in which each column begins below its head, two spaces apart; whatever is in a cell is made safe.

    Args:
        head: a word for each column.
        rows: as many cells each.
    """
    cells = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]

"""Files that only their owner may read."""

import sys
from pathlib import Path

import pytest

from flashlive_cli.errors import FileError
from flashlive_cli.private import save_private


def test_a_file_is_written_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.xml"
    save_private(path, "a longer text", with_folder=True)
    path.chmod(0o644)
    save_private(path, "line\nhalf \ud800\n")

    assert path.read_bytes() == b"line\nhalf \\ud800\n", "line ends are those of the text"
    assert sys.platform == "win32" or path.stat().st_mode & 0o777 == 0o600
    save_private(path, b"\xff\x00")
    assert path.read_bytes() == b"\xff\x00"


@pytest.mark.parametrize("name", ["missing/x", "file/x", "folder", "a\0b", "\x1b[31m/x"])
def test_what_cannot_be_written_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    with pytest.raises(FileError, match=r"^[^\n\x00\x1b]*: cannot be written: [^\n]+$"):
        save_private(tmp_path / name, "text")


def test_a_folder_that_cannot_be_made_is_told_likewise(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FileError, match="cannot be written: "):
        save_private(tmp_path / "file" / "folder" / "x", "text", with_folder=True)

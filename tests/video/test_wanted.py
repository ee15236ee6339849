"""What `--video` asks for."""

from pathlib import Path

import pytest

from flashlive_cli.errors import ConfigError, FileError
from flashlive_cli.video.wanted import Wanted, find_wanted


@pytest.mark.parametrize(
    ("value", "kind", "number", "name"),
    [
        ("camera", "camera", 0, "camera 0"),
        ("camera:2", "camera", 2, "camera 2"),
        ("screen", "screen", 1, "screen 1"),
        ("screen:0", "screen", 0, "all screens"),
        ("screen:2", "screen", 2, "screen 2"),
    ],
)
def test_devices_go_by_number(value: str, kind: str, number: int, name: str) -> None:
    wanted = find_wanted(value)

    assert (wanted.kind, wanted.number, wanted.name) == (kind, number, name)


def test_paths_are_told_apart_by_what_is_there(tmp_path: Path) -> None:
    for name in ("a.png", "b.JPG", "c.mp4"):
        (tmp_path / name).write_bytes(b"x")

    kinds = [find_wanted(str(tmp_path / name)).kind for name in ("a.png", "b.JPG", "c.mp4", "")]

    assert kinds == ["image", "image", "film", "folder"]
    assert find_wanted(str(tmp_path / "a.png")) == Wanted("image", path=tmp_path / "a.png")


@pytest.mark.parametrize("value", ["camera:", "camera:x", "camera:-1", "screen:1.5", "camera:²", "camera:1234"])
def test_a_number_that_is_none_is_said(value: str) -> None:
    with pytest.raises(ConfigError, match="has a number"):
        find_wanted(value)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("camra", "did you mean camera"),
        ("there/is/none.png", "give camera"),
        ("nul\0l", "no such"),
        ("~no-such-user/a.png", "nobody here has that home"),
    ],
)
def test_what_is_neither_names_the_nearest(value: str, hint: str) -> None:
    with pytest.raises(FileError, match=hint):
        find_wanted(value)

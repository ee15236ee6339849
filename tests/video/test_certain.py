"""What can be refused before a talk begins, and what cannot."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from flashlive_cli.errors import ConfigError, FileError
from flashlive_cli.video import certain
from flashlive_cli.video.certain import check_wanted
from flashlive_cli.video.wanted import Wanted, find_wanted
from tests.video.conftest import known_picture


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"Buy milk.\n" * 50),
        ("notiz.md", b"x" + "ä".encode() * 3000),  # cut within a letter
        ("notes.png", b"Buy milk.\n" * 50),
        ("a.pdf", b"%PDF-1.7\n" + bytes(200)),
        ("a.wav", b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(200)),
        ("a.jpg", b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(200)),
    ],
)
def test_a_file_that_is_neither_image_nor_film_is_refused(tmp_path: Path, capfd, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(FileError, match=r"no video|no image"):
        check_wanted(find_wanted(str(tmp_path / name)))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
def test_an_image_is_believed_without_a_look(tmp_path: Path, monkeypatch, suffix: str) -> None:
    cv2.imwrite(str(tmp_path / f"a{suffix}"), known_picture(64, 48))
    monkeypatch.setattr(certain, "load_extra", pytest.fail)

    check_wanted(find_wanted(str(tmp_path / f"a{suffix}")))


def test_a_film_is_believed_without_a_look(film: Callable[..., Path], monkeypatch) -> None:
    monkeypatch.setattr(certain, "load_extra", pytest.fail)

    check_wanted(find_wanted(str(film())))


def test_an_image_under_another_name_is_looked_at_and_taken(tmp_path: Path) -> None:
    """OpenCV's films may be single images; whether that one is, it knows best."""
    cv2.imwrite(str(tmp_path / "a.jpg"), known_picture(64, 48))
    (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    check_wanted(find_wanted(str(tmp_path / "a.png")))


def test_what_may_come_is_not_refused(tmp_path: Path, monkeypatch) -> None:
    """A camera, a display, a file that is still empty, and a pipe, which is not even touched."""
    monkeypatch.delenv("DISPLAY", raising=False)
    (tmp_path / "a.png").touch()

    for wanted in (
        Wanted("camera", 99),
        Wanted("screen", 1),
        Wanted("screen", 0),
        find_wanted(str(tmp_path / "a.png")),
    ):
        check_wanted(wanted)
    if sys.platform == "linux":
        check_wanted(Wanted("screen", 7))
        os.mkfifo(tmp_path / "pipe")
        check_wanted(find_wanted(str(tmp_path / "pipe")))


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()

    with pytest.raises(FileError, match="holds no images"):
        check_wanted(find_wanted(str(tmp_path)))
    (tmp_path / "a.png").touch()
    check_wanted(find_wanted(str(tmp_path)))


def test_a_screen_that_is_not_there_is_refused_where_the_others_are(display) -> None:
    with pytest.raises(ConfigError, match="screen 2: no such screen; there is one, screen:1"):
        check_wanted(Wanted("screen", 2))

"""What is remembered from one command to the next."""

import stat
import sys
import threading
from pathlib import Path

import pytest

from flashlive_cli.cli.statefile import read_state, state_path, write_state


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return state_path("x.json").parent


def test_what_was_written_is_read_again_whatever_letters_it_has() -> None:
    assert read_state("x.json") is None
    for value in ({"a": ["ż…●日", "\udcff"]}, ["another"], {}):
        write_state("x.json", value)
        assert read_state("x.json") == value


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
def test_only_its_owner_may_read_a_file_though_others_might_before(folder) -> None:
    folder.mkdir()
    (folder / "x.json").write_text("[]")
    (folder / "x.json").chmod(0o644)
    write_state("x.json", ["mine"])

    assert stat.S_IMODE((folder / "x.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_none(folder, content) -> None:
    folder.mkdir()
    (folder / "x.json").write_bytes(content)

    assert read_state("x.json") is None


@pytest.mark.skipif(sys.platform == "win32", reason="there a file that is just being read stays what it is")
def test_who_reads_meanwhile_finds_the_old_words_or_the_new() -> None:
    values = [["old"] * 20_000, ["new"] * 20_000]
    write_state("x.json", values[0])
    over = threading.Event()

    def write() -> None:
        for number in range(40):
            write_state("x.json", values[number % 2])
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not over.is_set():
        seen.append(read_state("x.json"))
    writer.join()

    assert seen
    assert all(value in values for value in seen)


def test_nothing_is_left_beside_a_file(folder) -> None:
    write_state("x.json", [1])

    assert [path.name for path in folder.iterdir()] == ["x.json"]


def test_a_folder_that_takes_nothing_is_no_reason_to_complain(folder) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("no folder")
    write_state("x.json", [1])

    assert read_state("x.json") is None


def test_what_cannot_be_put_in_its_place_leaves_the_old_and_nothing_beside(folder) -> None:
    (folder / "x.json" / "kept").mkdir(parents=True)
    write_state("x.json", [1])

    assert [path.name for path in folder.iterdir()] == ["x.json"]
    assert (folder / "x.json" / "kept").is_dir()

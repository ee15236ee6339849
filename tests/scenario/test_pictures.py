"""Images beside turns: they arrive, and what is wrong with them is one line."""

import shutil
from pathlib import Path

import pytest

from flashlive_cli.errors import FileError
from flashlive_cli.scenario.reading import read_scenario
from flashlive_cli.scenario.run import Stage, hold_case
from flashlive_cli.scenario.variants import cases_of

EXAMPLES = Path(__file__).parents[2] / "examples"


def written(folder: Path, image: str) -> Path:
    path = folder / "picture.toml"
    path.write_text(f'[[turn]]\ntext = "What is this?"\nimage = "{image}"\n', encoding="utf-8")
    return path


def test_an_image_that_is_not_there_is_told_with_its_line(tmp_path) -> None:
    with pytest.raises(FileError, match=r"picture\.toml:3: there is no file .*board\.png"):
        read_scenario(written(tmp_path, "board.png"))


async def test_an_image_that_is_none_is_an_error_of_the_scenario(tmp_path) -> None:
    pytest.importorskip("cv2", reason="the extra `video` is not installed")
    (tmp_path / "board.png").write_bytes(b"no picture")
    (case,) = cases_of(read_scenario(written(tmp_path, "board.png")))
    outcome = (await hold_case(case, Stage(speed=10))).outcome

    assert (outcome.status, outcome.error_kind) == ("error", "usage")
    assert "no image that can be read" in str(outcome.error)


async def test_without_the_extra_it_is_named(tmp_path, monkeypatch) -> None:
    shutil.copyfile(EXAMPLES / "timeline.png", tmp_path / "board.png")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (case,) = cases_of(read_scenario(written(tmp_path, "board.png")))
    outcome = (await hold_case(case, Stage(speed=10))).outcome

    assert outcome.error_kind == "usage"
    assert "pip install 'flashlive-cli[video]'" in str(outcome.error)


async def test_an_image_now_and_then_is_nothing_to_be_warned_of() -> None:
    pytest.importorskip("cv2", reason="the extra `video` is not installed")
    (case,) = cases_of(read_scenario(EXAMPLES / "scenarios" / "pictures.toml"))
    outcome = (await hold_case(case, Stage(speed=4))).outcome

    assert (outcome.status, outcome.warnings) == ("passed", ()), outcome.reasons

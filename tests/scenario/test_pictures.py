"""Images beside turns: they arrive, and what is wrong with them is one line."""

import shutil
from pathlib import Path

import numpy as np
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


async def test_what_was_shown_is_kept_small_with_its_time() -> None:
    cv2 = pytest.importorskip("cv2", reason="the extra `video` is not installed")
    (case,) = cases_of(read_scenario(EXAMPLES / "scenarios" / "pictures.toml"))
    run = await hold_case(case, Stage(speed=4))

    first, second = run.course.shown
    assert [(shown.turn, shown.name) for shown in (first, second)] == [(1, "timeline.png"), (2, "timeline.png")]
    typed, spoken = run.course.turns
    assert typed.begun_s <= first.at_s < typed.replies[0].started_s
    assert spoken.begun_s < second.at_s < spoken.replies[0].started_s
    picture = cv2.imdecode(np.frombuffer(first.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert max(picture.shape) == 160


async def test_an_image_now_and_then_is_nothing_to_be_warned_of() -> None:
    pytest.importorskip("cv2", reason="the extra `video` is not installed")
    (case,) = cases_of(read_scenario(EXAMPLES / "scenarios" / "pictures.toml"))
    outcome = (await hold_case(case, Stage(speed=4))).outcome

    assert (outcome.status, outcome.warnings) == ("passed", ()), outcome.reasons

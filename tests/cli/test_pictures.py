"""`flashlive talk` with pictures: what the simulator receives of them, and what the user is told."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from flashlive_cli.cli import pictured
from flashlive_cli.cli.pictured import Lines, names_pictures, read_pictures
from flashlive_cli.cli.screen import Screen
from flashlive_cli.clock import Clock
from flashlive_cli.errors import FileError
from flashlive_cli.session.wishes import Mute, Say
from flashlive_cli.video import extra
from tests.cli.terminals import EXAMPLES
from tests.video.conftest import decoded, film, known_picture, psnr_db

__all__ = ["film"]  # a fixture of the pictures' own tests

FAST = ("--sim", "--speed", "10")
QUESTION = EXAMPLES / "where-is-my-order.wav"


def videos(path: Path, by: str = "c") -> list[bytes]:
    """The stills that went over a recorded wire, as files."""
    messages = [json.loads(line).get(by) or {} for line in path.read_text().splitlines()]
    given = [message.get("realtimeInput", {}).get("video") for message in messages if isinstance(message, dict)]
    return [base64.b64decode(video["data"]) for video in given if video]


def test_the_simulator_receives_what_the_screen_shows(shell, display) -> None:
    """A known picture on a real X server, through the screen source, the session, a real WebSocket, and the far end."""
    picture = known_picture(1024, 768)
    cv2.imwrite(str(shell.folder / "known.png"), picture)
    display.show(shell.folder / "known.png")

    with shell.simulator("--record", "traffic.jsonl") as url:
        done = shell("talk", "--url", url, "-i", QUESTION, "--video", "screen", "--format", "json")

    assert done.code == 0, done
    assert done.record("video.ready")["source"] == "screen 1"
    sent = done.record("video.sent")
    assert (sent["because"], sent["width"], sent["height"], sent["mime_type"]) == ("speech", 768, 576, "image/jpeg")
    received = videos(shell.folder / "traffic.jsonl")
    assert len(received) == sent["sent"]
    for image in received:
        assert len(image) < 200_000
        assert psnr_db(decoded(image), cv2.resize(picture, (768, 576), interpolation=cv2.INTER_AREA)) > 30
    said = next(record["text"] for record in done.records() if record.get("final") and record["role"] == "model")
    assert re.search(r"I see .*768 by 576, mostly", said)
    assert done.record("usage")["prompt_tokens_by_modality"]["IMAGE"] == 64 * sent["sent"], "at low resolution"


def test_a_film_goes_through_the_class_that_a_camera_does(shell, film) -> None:
    """Its frames grow brighter; what arrives does, too, at one a second."""
    path = film(n_frames=100, rate=10, step=2)

    done = shell(
        "talk", *FAST, "-i", QUESTION, "-i", QUESTION, "--video", path, "--video-when", "always", "--format", "json",
        "--record", "rec",
    )  # fmt: skip

    assert done.code == 0, done
    times = [record["t"] for record in done.records() if record["type"] == "video.sent"]
    assert len(times) >= 5
    assert min(np.diff(times)) > 0.9
    [wire] = shell.folder.glob("rec/*/wire.jsonl")
    brightness = [decoded(image).mean() for image in videos(wire)]
    steps = np.diff(brightness[: 1 + next((i for i, d in enumerate(np.diff(brightness)) if d < -50), len(brightness))])
    assert all(steps > 10), brightness
    assert done.record("summary")["pictures"] == len(brightness)


def test_an_image_in_a_typed_line_is_sent_with_it(shell) -> None:
    cv2.imwrite(str(shell.folder / "my cat.png"), np.full((300, 400, 3), (220, 30, 30), np.uint8))

    done = shell("talk", *FAST, "-x", 'What is @"my cat.png"?', "-m", "gemini-3.8-live", "--record", "rec")

    assert done.code == 0, done
    assert "you: What is my cat.png?" in done.out
    assert "I see a picture of 400 by 300, mostly blue." in done.out
    [wire] = shell.folder.glob("rec/*/wire.jsonl")
    messages = [json.loads(line).get("c", {}) for line in wire.read_text().splitlines()]
    setup = messages[0]["setup"]
    (asked,) = [message for message in messages if "clientContent" in message]
    assert asked["clientContent"]["turns"][0]["parts"][1]["text"] == "What is my cat.png?"
    assert setup["generationConfig"]["mediaResolution"] == "MEDIA_RESOLUTION_LOW"


def test_that_sessions_with_pictures_are_short_is_noted_once_and_no_warning(shell) -> None:
    cv2.imwrite(str(shell.folder / "board.png"), known_picture(64, 48))

    done = shell("talk", *FAST, "-x", "hi", "--video", "board.png", "--format", "json")

    assert done.code == 0, done
    told = [record for record in done.records() if "2 minutes" in record.get("message", "")]
    assert [record["type"] for record in told] == ["note"]
    assert not [record for record in done.records() if record["type"] == "warning"]


def test_without_pictures_nothing_is_said_of_them(shell) -> None:
    done = shell("talk", *FAST, "-x", "write to me@home.png", "--record", "rec")

    assert done.code == 0, done
    [wire] = shell.folder.glob("rec/*/wire.jsonl")
    assert "mediaResolution" not in wire.read_text()
    assert "picture" not in done.out + done.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--video", "camra"), "error: camra: no such file; did you mean camera?"),
        (("--video", "camera:x"), "error: flag --video: 'camera:x': a camera has a number"),
        (("--video", ""), "error: --video is empty"),
        (("--video", "a.png", "--video-fps", "2"), "error: flag --video-fps: expected less than or equal to 1"),
        (("--video", "a.png", "--video-fps", "0"), "error: flag --video-fps: expected greater than 0"),
        (("--video-when", "always"), "error: --video-when goes with --video"),
        (("--video-fps", "0.5"), "error: --video-fps goes with --video"),
        (("-x", "see @none.png"), "error: none.png: cannot be read: No such file or directory"),
        (("-x", "see @a.png"), "error: a.png: no image that can be read"),
        (("--video", "a.png"), "error: a.png: no image that can be read"),
        (("--video", "notes.txt"), "error: notes.txt: no video"),
        (("--video", str(QUESTION)), f"error: {QUESTION}: no video"),
        (("--video", "."), "error: .: holds no images (.bmp"),
    ],
)
def test_what_is_wrong_before_the_talk_is_one_line_and_exit_2(shell, args: tuple[str, ...], words: str) -> None:
    (shell.folder / ("a.png" if "." not in args else "a.txt")).write_bytes(b"junk")
    (shell.folder / "notes.txt").write_text("Buy milk.\n" * 100)

    done = shell("talk", *FAST, "-x", "hi", *args)

    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith(f"flashlive: {words}")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("camera:99", "camera 99: cannot be opened"),
        ("screen:7", "screen 7: there is no display here"),
        ("empty.png", "empty.png: no image that can be read"),
        ("half.png", "half.png: no image that can be read"),
        ("half.mp4", "half.mp4: no video"),
    ],
)
def test_what_cannot_be_seen_yet_is_one_line_and_the_voice_goes_on(shell, monkeypatch, source: str, words: str) -> None:
    """It may come: a camera, a display, the rest of a file that is being written."""
    monkeypatch.delenv("DISPLAY", raising=False)
    (shell.folder / "empty.png").touch()
    (shell.folder / "half.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (shell.folder / "half.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(20))

    done = shell("talk", *FAST, "-x", "hi", "-x", "again", "--video", source)

    assert done.code == 0, done
    assert done.out.count("gemini: ") == 2
    warned = [line for line in done.err.splitlines() if "goes on without pictures" in line]
    assert len(warned) == 1
    assert words in warned[0]


def test_a_screen_that_the_display_does_not_have_is_known_at_once(shell, display) -> None:
    done = shell("talk", *FAST, "-x", "hi", "--video", "screen:7")

    assert (done.code, done.out) == (2, "")
    assert done.err == "flashlive: error: flag --video: screen 7: no such screen; there is one, screen:1\n"


def test_without_the_extra_what_nobody_can_judge_is_told_in_the_talk(shell, monkeypatch) -> None:
    monkeypatch.setattr(extra, "_PACKAGES", {"OpenCV": "no_such_cv2"})
    (shell.folder / "film.ts").write_bytes(b"\xfe" * 100)

    done = shell("talk", *FAST, "-x", "hi", "--video", "film.ts")

    assert done.code == 0, done
    assert "pip install 'flashlive-cli[video]'; the talk goes on without pictures" in done.err


def test_a_missing_extra_is_one_line_and_the_voice_goes_on(shell, monkeypatch) -> None:
    monkeypatch.setattr(extra, "_PACKAGES", {"OpenCV": "no_such_cv2"})

    done = shell("talk", *FAST, "-x", "hi", "--video", "camera")

    assert done.code == 0, done
    assert "pip install 'flashlive-cli[video]'; the talk goes on without pictures" in done.err
    assert "gemini: " in done.out


def test_where_opencv_is_really_missing_the_voice_goes_on_too() -> None:
    code = (
        "import sys; sys.modules['cv2'] = None; sys.modules['mss'] = None; from flashlive_cli.cli import main; main()"
    )
    talk = ("talk", "--sim", "--speed", "10", "-x", "hi", "--video", "camera")
    done = subprocess.run([sys.executable, "-c", code, *talk], capture_output=True, text=True, check=False, timeout=50)

    assert "gemini: " in done.stdout, done.stderr
    assert "unexpected" not in done.stderr


def test_a_settings_file_names_its_picture_beside_itself(shell) -> None:
    (shell.folder / "sub").mkdir()
    cv2.imwrite(str(shell.folder / "sub" / "board.png"), known_picture(64, 48))
    (shell.folder / "sub" / "c.toml").write_text('video = "board.png"\nmedia_resolution = "high"\n')
    (shell.folder / "d.toml").write_text('video = "camera:99"\n')

    done = shell("talk", *FAST, "-x", "hi", "--config", "sub/c.toml", "--record", "rec")
    camera = shell("talk", *FAST, "-x", "hi", "--config", "d.toml")

    assert "I see a picture of 64 by 48" in done.out
    [wire] = shell.folder.glob("rec/*/wire.jsonl")
    assert "MEDIA_RESOLUTION_HIGH" in wire.read_text()
    assert "camera 99: cannot be opened" in camera.err


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("what is @a.png", ["a.png"]),
        ("@a.PNG?", ["a.PNG"]),
        ("see @pics/b.jpeg and @c.webp, please", ["pics/b.jpeg", "c.webp"]),
        ('@"my cat.jpg" and @~/d.bmp!', ["my cat.jpg", "~/d.bmp"]),
        ("me@home.png", []),
        ("@someone said @b.pngs", []),
        ("a @ b.png", []),
    ],
)
def test_pictures_are_named_by_an_at_and_an_images_ending(text: str, names: list[str]) -> None:
    assert [found[1] or found[2] for found in pictured._NAMED.finditer(text)] == names
    assert names_pictures(text) == bool(names)


def test_a_line_keeps_the_names_without_their_folders(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), known_picture(64, 48))

    line = read_pictures(f"what is @{tmp_path}/a.png?")

    assert line.text == "what is a.png?"
    assert [(still.width, still.height) for still in line.pictures] == [(64, 48)]
    with pytest.raises(FileError):
        read_pictures("@none.png")


def test_a_home_that_nobody_has_is_no_picture() -> None:
    with pytest.raises(FileError, match="nobody here has that home"):
        read_pictures("@~no-such-user/a.png")


async def test_typed_lines_are_said_in_their_order_though_pictures_take_a_while(tmp_path: Path, capfd) -> None:
    import asyncio

    cv2.imwrite(str(tmp_path / "a.png"), known_picture(640, 480))
    wishes: list[Any] = []
    screen = Screen(
        "plain", Clock(), data=None, sound_on_stdout=False, failed=lambda failure: pytest.fail(str(failure))
    )
    lines = Lines(wishes.append, screen)

    with screen.shown():
        lines.take(Say(f"one @{tmp_path}/a.png"))
        lines.take(Say("two"))
        lines.take(Mute(True))
        lines.take(Say("three @none.png"))
        lines.take(Say("four"))
        assert wishes == [Mute(True)], "all but lines is at once"
        async with asyncio.timeout(20):
            while len(wishes) < 4:
                await asyncio.sleep(0.01)

    assert [wish.text for wish in wishes[1:]] == ["one a.png", "two", "four"]
    assert len(wishes[1].pictures) == 1
    assert "none.png: cannot be read: No such file or directory; the line was not sent" in capfd.readouterr().err


@pytest.mark.parametrize("failure", [MemoryError("so large"), OSError(5, "so large"), cv2.error("so large")])
async def test_whatever_fails_about_a_picture_is_one_line_and_the_next_is_said(monkeypatch, capfd, failure) -> None:
    import asyncio

    def fail(*_args: object, **_options: object) -> None:
        raise failure

    monkeypatch.setattr(pictured, "read_pictures", fail)
    wishes: list[Any] = []
    screen = Screen(
        "plain", Clock(), data=None, sound_on_stdout=False, failed=lambda failure: pytest.fail(str(failure))
    )
    lines = Lines(wishes.append, screen)

    with screen.shown():
        lines.take(Say("one @a.png"))
        lines.take(Say("two"))
        async with asyncio.timeout(20):
            while not wishes:
                await asyncio.sleep(0.01)

    assert wishes == [Say("two")]
    (warning,) = capfd.readouterr().err.splitlines()
    assert re.search(r"warning: its pictures could not be read: .*so large; the line was not sent", warning)


def test_v_shows_one_picture_and_the_panel_shows_it_too(shell, tmux, person) -> None:
    cv2.imwrite(str(shell.folder / "board.png"), known_picture(400, 300))
    at = tmux(100, 40)
    at.run("talk", "--sim", *person.args, "--video", "board.png", "--video-when", "key", "--record", "rec")
    at.until("seeing board.png", "v show", "no pictures")

    at.press("v")
    lines = at.until(r"\b1 picture\b", "▀▀▀▀")
    assert sum("▀▀▀▀" in line for line in lines) == 8
    at.press("m")
    at.until("muted")
    at.press("v")
    at.until(r"\b2 pictures\b")
    at.type("t")
    at.until("enter send")
    at.type("and @board.png")
    at.press("Enter")
    at.until(r"\b3 pictures", "you +and board.png")
    at.press("q")

    assert at.ended() == 0
    [wire] = shell.folder.glob("rec/*/wire.jsonl")
    assert len(videos(wire)) == 3
    assert "▀" not in "".join(at.screen()), "the picture is gone with the panel"
    before, after = at.modes()
    assert before == after

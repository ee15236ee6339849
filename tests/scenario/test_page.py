"""The page in a real browser: what is seen, what the pointer and the keys do, and that nothing is fetched."""

import asyncio
import base64
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from flashlive_cli.scenario.course import Shown
from flashlive_cli.scenario.page import NAME, write_html
from flashlive_cli.scenario.reading import read_scenario
from flashlive_cli.scenario.run import Stage, hold_case
from flashlive_cli.scenario.timeline import timeline_of
from flashlive_cli.scenario.variants import cases_of
from tests.scenario.courses import cut_in
from tests.scenario.outcomes import HEARD, HOSTILE, LATE, failed, outcome, turn

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI//////////////////////////////////////////"
    "//////////2wBDAVVaWnhpeOuCguv/////////////////////////////////////////////////////////////////////////wAARCAAB"
    "AAIDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAT/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFAEBAAAAAAAAAAAAAAAAAAAAAP/EAB"
    "QRAQAAAAAAAAAAAAAAAAAAAAD/2gAMAwEAAhEDEQA/ALQAf//Z"
)
"""Two white pixels beside each other."""
EXAMPLE = Path(__file__).parents[2] / "examples" / "order-status.toml"
INKED = """(() => {
    const canvas = document.querySelector(".plot canvas");
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    const wanted = getComputedStyle(document.documentElement).getPropertyValue("--%s").trim();
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(wanted.slice(at, at + 2), 16));
    const columns = new Set();
    for (let at = 0; at < data.length; at += 4)
        if (data[at] === r && data[at + 1] === g && data[at + 2] === b) columns.add((at / 4) %% canvas.width);
    return [columns.size, Math.min(...columns) / canvas.width, Math.max(...columns) / canvas.width];
})()"""
"""How many columns of pixels have a colour, and where the first and the last of them are, as a share of the width."""


@pytest.fixture
def page(browser, tmp_path):
    """Opens runs in the browser, and looks at the end whether all was quiet."""
    browser.requests.clear()
    browser.complaints.clear()
    path = tmp_path / "report.html"

    def opened(*timelines, anchor=""):
        write_html(path, timelines, took_s=1)
        browser.open(path, anchor)
        browser.settle()
        return browser

    yield opened
    browser.settle()
    assert {url.split("#")[0] for url in browser.requests} == {path.as_uri()}, "nothing else is fetched"
    assert browser.complaints == []


def late():
    return timeline_of(failed("late"), cut_in())


def text(browser, selector):
    return browser.ask(f"[...document.querySelectorAll({selector!r})].map((each) => each.innerText)")


def test_waveforms_are_drawn_where_the_sound_was(page) -> None:
    browser = page(late())
    span = 7.35 - 0.25

    for colour, from_s, until_s in (("user", 1.0, 4.5), ("voice", 3.0, 7.0)):
        columns, first, last = browser.ask(INKED % colour)
        assert columns > 150
        assert first == pytest.approx((from_s - 0.25) / span, abs=0.005)
        assert last == pytest.approx((until_s - 0.25) / span, abs=0.005)


def test_the_pointer_tells_the_time_and_what_is_there(page) -> None:
    browser = page(late())
    box = browser.box(".plot")
    at_s = 3.5
    browser.mouse("mouseMoved", box["x"] + box["width"] * (at_s - 0.25) / 7.1, box["y"] + 90)
    (tip,) = text(browser, "#tip")

    assert float(tip.split()[0]) == pytest.approx(at_s, abs=0.02)
    assert "model\n\u221212 dBFS" in tip
    assert "once upon a time" in tip
    browser.mouse("mouseMoved", box["x"] + 5, box["y"] + box["height"] + 200)
    assert browser.ask("document.getElementById('tip').hidden")


def test_a_tool_tells_its_arguments_and_its_result(page) -> None:
    browser = page(late())
    box = browser.box(".item.tool")
    browser.mouse("mouseMoved", box["x"] + 3, box["y"] + 5)
    (tip,) = text(browser, "#tip")

    for part in ("look_up", '{"what": "once upon a time"}', '{"output": "once upon a time"}', "300 ms"):
        assert part in tip


def test_heard_and_unheard_words_are_told_apart(page) -> None:
    browser = page(late())

    assert text(browser, ".item.unheard") == ["and more"]
    assert text(browser, ".story .unheard") == ["and more"]
    assert text(browser, ".item.mark.interrupted") == ["interrupted"]


def test_the_wheel_zooms_where_the_pointer_is_and_keys_do_the_rest(page) -> None:
    browser = page(late())
    box = browser.box(".plot")
    before = browser.box(".item.tool")
    x = before["x"] + before["width"] / 2
    for _ in range(3):
        browser.mouse("mouseWheel", x, box["y"] + 90, deltaX=0, deltaY=-120)
    browser.settle()
    zoomed = browser.box(".item.tool")

    assert zoomed["width"] == pytest.approx(before["width"] * 2.46, rel=0.05)
    assert zoomed["x"] + zoomed["width"] / 2 == pytest.approx(x, abs=2), "what the pointer is at stays there"
    browser.press("+")
    assert browser.box(".item.tool")["width"] == pytest.approx(zoomed["width"] * 1.6, rel=0.02)
    browser.press("ArrowRight")
    browser.press("0")
    assert browser.box(".item.tool")["width"] == pytest.approx(before["width"], abs=0.1)


def test_the_keyboard_alone_reaches_what_the_pointer_does(page) -> None:
    browser = page(late())
    browser.press("n")
    first = text(browser, "#tip")
    browser.press("n")

    assert first != text(browser, "#tip")
    assert browser.ask("document.activeElement.matches('.item')")
    assert browser.ask("[...document.querySelectorAll('.item')].every((item) => item.getAttribute('aria-label'))")


def test_a_check_jumps_to_its_time(page) -> None:
    browser = page(timeline_of(failed("late", checks=(LATE,)), cut_in()), anchor="#late@1-2")
    assert (
        text(browser, ".reasons li span")[0] == "turn 1: first_audio_within_ms: expected at most 500 ms, got 912.3 ms"
    )
    assert browser.ask("document.querySelector('.item.check.bad').hidden"), "at 4.2 s, out of sight"
    browser.ask("document.querySelector('.checks .bad .jump').click()")
    browser.settle()

    assert not browser.ask("document.querySelector('.item.check.bad').hidden")
    assert not browser.ask("document.querySelector('.head').hidden")


def test_a_missed_limit_tells_that_the_machine_was_late(page) -> None:
    note = "the machine was up to 85 ms late: try a lower --speed or fewer -j"
    check = replace(LATE, late_ms=85.2, note=note)
    browser = page(timeline_of(failed("late", turns=(turn(1, HEARD, check),)), cut_in()))

    assert text(browser, ".reasons li span")[0].endswith(f"got 912.3 ms; {note}")
    assert text(browser, ".checks .bad p") == ["expected at most 500 ms, got 912.3 ms", note]
    assert len(text(browser, ".checks .ok p")) == 1
    assert note in browser.ask("document.querySelector('.item.check.bad').getAttribute('aria-label')")
    assert "note" not in browser.ask("document.querySelector('.item.check.ok').getAttribute('aria-label')")


def test_the_table_filters_and_leads_to_a_run_and_back(page) -> None:
    browser = page(
        timeline_of(outcome("good", turns=(turn(1, HEARD),)), cut_in()),
        late(),
        timeline_of(outcome("other"), cut_in("else")),
    )

    assert text(browser, "h1") == ["2 passed, 1 failed"]
    assert text(browser, "tbody a") == ["good", "late", "other"]
    browser.ask("document.querySelector('[data-choice=missed]').click()")
    assert text(browser, "tbody a") == ["late"]
    browser.ask("document.querySelector('[data-choice=all]').click()")
    browser.ask("document.querySelector('input').focus()")
    browser.tell("Input.insertText", text="ELSE")
    assert text(browser, "tbody a") == ["other"]
    browser.ask("document.querySelector('tbody a').click()")
    browser.until("document.querySelector('.chart')")
    assert text(browser, "h1") == ["other"]
    browser.press("k")
    browser.until("document.querySelector('h1').innerText === 'late'")
    browser.press("Escape")
    browser.until("document.querySelector('table')")


def test_hostile_words_are_words(page) -> None:
    run = outcome(HOSTILE, "failed", path=HOSTILE, error=HOSTILE, variant={HOSTILE: HOSTILE}, warnings=(HOSTILE,),
                  turns=(turn(said=HOSTILE, heard=HOSTILE, reply=HOSTILE),))  # fmt: skip
    browser = page(timeline_of(run, cut_in(HOSTILE, {HOSTILE: HOSTILE})), late())

    assert text(browser, "tbody a")[0].startswith("</script><img src=x onerror=alert(1)>\\x1b[31m\\u202e")
    browser.ask("document.querySelector('tbody a').click()")
    browser.until("document.querySelector('.chart')")
    browser.press("n")
    assert browser.ask("document.images.length + document.querySelectorAll('script').length") == 2


def test_an_image_is_seen_where_it_was_shown(page) -> None:
    course = cut_in()
    course.shown.append(Shown(1, 1.5, "board.png", JPEG))
    course.shown.append(Shown(2, 4.4, HOSTILE, JPEG))
    browser = page(timeline_of(outcome(turns=(turn(1), turn(2))), course))
    plot = browser.box(".plot")
    first, second = (browser.ask(f"document.querySelectorAll('.item.shown img')[{n}].alt") for n in (0, 1))

    assert browser.box(".item.shown")["x"] == pytest.approx(plot["x"] + plot["width"] * (1.5 - 0.25) / 7.1, abs=1)
    assert first == "board.png"
    assert second.startswith("</script><img src=x onerror=alert(1)>\\x1b[31m\\u202e"), "a text, whatever is in it"
    for image in ("document.querySelector('.item.shown img')", "document.querySelectorAll('.story img')[1]"):
        assert browser.ask(f"[{image}.naturalWidth, {image}.naturalHeight]") == [2, 1]
    assert browser.ask("document.images.length") == 4, "two on the timeline, one in each turn"
    assert text(browser, "article:first-child .who") == ["You", "Shown", "Model"]
    assert "shown board.png, turn 1" in browser.ask("document.querySelector('.item.shown').getAttribute('aria-label')")


def test_the_sound_in_the_page_is_as_long_as_the_run_and_plays(page) -> None:
    browser = page(late())
    browser.ask("window.Audio = class extends Audio { constructor() { super(); window.sound = this; } }; null")
    browser.press(" ")
    browser.until("window.sound?.duration > 0 && window.sound.currentTime > 0.3")

    assert browser.ask("window.sound.duration") == pytest.approx(7.35, abs=0.01)
    assert not browser.ask("document.querySelector('.head').hidden")
    assert text(browser, ".bar button")[0].endswith("Pause")


async def held(evidence: Path):
    (case,) = cases_of(read_scenario(EXAMPLE))
    return await hold_case(case, Stage(speed=4, evidence=evidence))


def test_a_real_run_shows_its_recording_from_its_evidence(browser, tmp_path) -> None:
    run = asyncio.run(held(tmp_path))
    timeline = pickle.loads(pickle.dumps(timeline_of(run.outcome, run.course)))  # as from a worker process
    folder = Path(run.outcome.evidence or "")
    write_html(folder / NAME, [timeline], took_s=1)
    browser.requests.clear()
    browser.complaints.clear()
    browser.open(folder / NAME)
    browser.settle()

    for side in ("user", "voice"):  # how long all of it takes is the machine's affair
        assert browser.ask(INKED % side)[0] > 15
    assert text(browser, ".item.tool") == ["check_order_status"]
    browser.ask("window.Audio = class extends Audio { constructor() { super(); window.sound = this; } }; null")
    browser.press(" ")
    browser.until("window.sound?.duration > 0 && window.sound.currentTime > 0.1")
    assert set(browser.requests) == {(folder / NAME).as_uri(), (folder / "conversation.wav").as_uri()}
    assert browser.complaints == []

"""Pictures beside the voice, over a real WebSocket."""

import asyncio
import base64
import contextlib
import socket
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, replace
from ssl import SSLContext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import serve  # noqa: TID251 - the far end of a test
from websockets.exceptions import ConnectionClosed  # noqa: TID251 - the same

from flashlive_cli.errors import ConnectionLost, DeviceError
from flashlive_cli.protocol import commands as c
from flashlive_cli.reports import (
    MicrophoneSwitched,
    Noted,
    SessionResumed,
    TalkSummary,
    VideoLost,
    VideoReady,
    VideoSent,
    Warned,
)
from flashlive_cli.session import lane, sight
from flashlive_cli.session.connection import Connection, dial
from flashlive_cli.session.endpoint import find_endpoint
from flashlive_cli.session.givens import Sound, Typed
from flashlive_cli.session.lane import (
    FIRST_BYTES,
    LEAST_BYTES,
    MOST_BYTES,
    MOST_DELAY_S,
    MOST_TOGETHER_BYTES,
    now_bytes,
)
from flashlive_cli.session.limits import Limits
from flashlive_cli.session.wishes import Mute, Push, Say, Show
from flashlive_cli.sim.certificate import throw_away_certificate
from tests.session.parts import SOON, FarEnd, abort, accept, chunk, until

ALL_FAMILIES = ("gemini-3.1-flash-live-preview", "gemini-3.8-live", "gemini-2.5-flash-native-audio-latest")


@dataclass(frozen=True)
class Card:
    """A still that is known by its bytes."""

    image: bytes
    width: int = 4
    height: int = 3
    mime_type: str = "image/jpeg"

    def within(self, most_bytes: int) -> "Card":
        return replace(self, image=self.image[:most_bytes])


class ListEyes:
    """See one card after another, `seen` counts them; or nothing, while there is a `failure`."""

    name = "camera 0"

    def __init__(self, when: str = "speaking", *, every_s: float = 1.0, same: bool = False, size: int = 2) -> None:
        self.when: Any = when
        self.every_s = every_s
        self.rest_s = 0.0
        self.failure: Exception | None = None
        self.shows: list[Any] = []
        self.looks: list[int] = []
        self._same = same
        self._size = size

    async def look(self, most_bytes: int) -> Card:
        self.looks.append(most_bytes)
        await asyncio.sleep(0.001)
        if self.failure is not None:
            raise self.failure
        return Card((b"%02d" % (0 if self._same else len(self.looks))).ljust(self._size, b"."))

    def shown(self, still: Any) -> None:
        self.shows.append(still)


def pictures(messages: list[dict[str, Any]]) -> list[bytes]:
    """Return the stills among messages, by their bytes."""
    videos = [message["realtimeInput"]["video"] for message in messages if "video" in message.get("realtimeInput", {})]
    return [base64.b64decode(video["data"]) for video in videos]


async def take_all(far_end: FarEnd, peer: Any) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            await far_end.next(peer)


async def listens(far_end: FarEnd, peer: Any) -> None:
    await accept(peer)
    await take_all(far_end, peer)


def talk_with(loopback, eyes: ListEyes | None, *parts: Any, model: str = ALL_FAMILIES[0]):
    far_end = FarEnd(*(parts or (listens,)))
    talk = loopback(far_end, model=model)
    talk.eyes = eyes
    return talk, far_end


async def test_a_still_goes_out_when_the_user_speaks_and_no_sooner(loopback) -> None:
    async def speaks(far_end, peer):
        await accept(peer)
        await until(lambda: talk.told(VideoReady))
        await asyncio.sleep(0.2)
        assert not talk.told(VideoSent), "nobody has said anything"
        await talk.microphone.say(chunk(1))
        await take_all(far_end, peer)

    eyes = ListEyes()
    talk, far_end = talk_with(loopback, eyes, speaks)
    await talk.hold(live=True, limits=Limits(duration_s=1.2))

    assert talk.error is None
    assert pictures(far_end.heard[0]) == [b"02"], "the first look was to see whether there is anything"
    assert talk.told(VideoReady) == [VideoReady("camera 0", "speaking", 1.0, 4, 3)]
    assert talk.told(VideoSent) == [VideoSent("speech", 4, 3, 2, "image/jpeg", sent=1)]
    assert [card.image for card in eyes.shows] == [b"02"]
    assert talk.told(TalkSummary)[0].pictures == 1


async def test_while_muted_nothing_is_shown_but_by_the_key(loopback) -> None:
    async def mutes(far_end, peer):
        talk.wishes.put_nowait(Mute(True))
        await until(lambda: MicrophoneSwitched("muted") in talk.reports)
        await accept_late(far_end, peer)

    async def accept_late(far_end, peer):
        await until(lambda: talk.told(VideoReady))
        await asyncio.sleep(0.2)
        assert not talk.told(VideoSent)
        talk.wishes.put_nowait(Show())
        await until(lambda: talk.told(VideoSent))
        talk.wishes.put_nowait(Mute(False))
        await take_all(far_end, peer)

    async def part(far_end, peer):
        await accept(peer)
        await mutes(far_end, peer)

    # muted before the first still: it is due after the first look, which hangs until then
    eyes = ListEyes("always", every_s=0.05)
    muted = asyncio.Event()
    look = eyes.look

    async def look_late(most_bytes: int) -> Card:
        await until(lambda: MicrophoneSwitched("muted") in talk.reports)
        muted.set()
        return await look(most_bytes)

    eyes.look = look_late  # type: ignore[method-assign]
    talk, _ = talk_with(loopback, eyes, part)
    await talk.hold(live=True, limits=Limits(duration_s=0.8))

    assert muted.is_set()
    sent = [report.because for report in talk.told(VideoSent)]
    assert sent[0] == "key"
    assert set(sent[1:]) == {"always"}, "and again by itself when the microphone is open"


async def test_push_to_talk_opens_the_eyes_as_it_does_the_ears(loopback) -> None:
    async def pushes(far_end, peer):
        await accept(peer)
        await until(lambda: talk.told(VideoReady))
        await asyncio.sleep(0.15)
        assert not talk.told(VideoSent)
        talk.wishes.put_nowait(Push(True))
        await until(lambda: talk.told(VideoSent))
        await take_all(far_end, peer)

    talk, far_end = talk_with(loopback, ListEyes(), pushes)
    await talk.hold(live=True, detection=c.Detection(disabled=True), limits=Limits(duration_s=0.6))

    assert pictures(far_end.heard[0]) == [b"02"]


@pytest.mark.parametrize(("model", "waits"), [(ALL_FAMILIES[0], False), (ALL_FAMILIES[2], True)])
async def test_where_stills_in_silence_are_of_no_turn_the_first_waits_for_the_speech(loopback, model, waits) -> None:
    began: list[float] = []

    async def speaks(far_end, peer):
        await accept(peer)
        await until(lambda: talk.told(VideoReady))
        began.append(talk.clock.now())
        await talk.microphone.say(chunk(1))
        await take_all(far_end, peer)

    talk, _ = talk_with(loopback, ListEyes(), speaks, model=model)
    await talk.hold(live=True, limits=Limits(duration_s=0.9))

    (sent,) = [stamped.t for stamped in talk.stamped if isinstance(stamped.report, VideoSent)]
    assert (sent - began[0] >= sight.SETTLES_S) == waits


async def test_the_same_picture_is_shown_once_an_utterance(loopback) -> None:
    async def speaks_twice(far_end, peer):
        await accept(peer)
        await until(lambda: talk.told(VideoReady))
        for n_sent in (1, 2):
            await talk.microphone.say(chunk(n_sent))
            await until(lambda n_sent=n_sent: len(talk.told(VideoSent)) == n_sent)
            await asyncio.sleep(0.3)
            assert len(talk.told(VideoSent)) == n_sent
        await take_all(far_end, peer)

    talk, _ = talk_with(loopback, ListEyes(every_s=0.05, same=True), speaks_twice)
    await talk.hold(live=True, limits=Limits(duration_s=1.2))

    assert len(talk.told(VideoSent)) == 2


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (ALL_FAMILIES[0], ["video", "video", "text"]),
        (ALL_FAMILIES[1], ["inline"]),
        (ALL_FAMILIES[2], ["inline"]),
    ],
)
async def test_a_typed_line_brings_its_pictures_the_way_the_family_takes_them(
    loopback, monkeypatch, model, said
) -> None:
    async def answers(far_end, peer):
        await accept(peer)
        for _ in said:
            await far_end.next(peer)
        await peer.answer()

    monkeypatch.setattr(sight, "BETWEEN_S", 0.05)
    talk, far_end = talk_with(loopback, None, answers, model=model)
    await talk.hold(Typed("what is it?", pictures=(Card(b"one"), Card(b"two", mime_type="image/png"))))

    assert talk.error is None
    kinds = [next(iter(message.get("realtimeInput", {"inline": 0}))) for message in far_end.heard[0]]
    assert kinds == said
    if said == ["inline"]:
        (turn,) = far_end.heard[0][0]["clientContent"]["turns"]
        assert [part.get("inlineData", {}).get("data") for part in turn["parts"]] == ["b25l", "dHdv", None]
        assert turn["parts"][2] == {"text": "what is it?"}
    else:
        assert pictures(far_end.heard[0]) == [b"one", b"two"]
    assert [report.because for report in talk.told(VideoSent)] == ["typed", "typed"]


@pytest.mark.parametrize("when", ["speaking", "always", "key"])
async def test_what_is_to_be_seen_goes_with_a_typed_line(loopback, when) -> None:
    async def answers(far_end, peer):
        await accept(peer)
        while "text" not in (await far_end.next(peer)).get("realtimeInput", {}):
            pass
        await peer.answer()

    talk, far_end = talk_with(loopback, ListEyes(when), answers)
    await talk.hold(Typed("what is it?"))

    assert bool(pictures(far_end.heard[0])) == (when != "key")


async def test_eyes_that_see_nothing_are_said_once_and_the_voice_goes_on(loopback) -> None:
    async def part(far_end, peer):
        await accept(peer)
        await until(lambda: talk.told(VideoLost))
        talk.wishes.put_nowait(Show())
        await until(lambda: len(talk.told(VideoLost)) == 2)
        eyes.failure = None
        talk.wishes.put_nowait(Show())
        await until(lambda: talk.told(VideoSent))
        await talk.microphone.say(chunk(7))
        await take_all(far_end, peer)

    eyes = ListEyes("always", every_s=0.02)
    eyes.failure = DeviceError("camera 0: cannot be opened")
    talk, far_end = talk_with(loopback, eyes, part)
    await talk.hold(live=True, limits=Limits(duration_s=0.6))

    assert talk.error is None
    assert talk.told(VideoLost) == [VideoLost("camera 0", "camera 0: cannot be opened")] * 2
    assert len(talk.told(VideoReady)) == 1, "told when there is something again"
    assert 7 in far_end.said(0)


async def test_a_line_typed_while_there_is_nothing_to_be_seen_does_not_wait(loopback) -> None:
    async def part(far_end, peer):
        await accept(peer)
        await until(lambda: talk.told(VideoLost))
        talk.wishes.put_nowait(Say("hello"))
        await far_end.next(peer)
        await peer.answer()

    eyes = ListEyes()
    eyes.failure = DeviceError("camera 0: cannot be opened")
    talk, far_end = talk_with(loopback, eyes, part)
    await talk.hold(live=True, limits=Limits(duration_s=0.4))

    assert far_end.said(0) == ["hello"]
    assert len(eyes.looks) == 1


async def test_a_question_that_is_asked_again_brings_its_picture(loopback) -> None:
    """Unchanged or not: the session that answers it has to see it."""

    async def breaks(far_end, peer):
        await accept(peer)
        await until(lambda: talk.told(VideoReady))
        await talk.microphone.say(chunk(1))
        await until(lambda: talk.told(VideoSent))
        abort(peer)

    async def again(far_end, peer):
        await accept(peer)
        await until(lambda: talk.told(SessionResumed))
        await take_all(far_end, peer)

    talk, far_end = talk_with(loopback, ListEyes(same=True), breaks, again)
    await talk.hold(live=True, delays=SOON, limits=Limits(duration_s=1.0))

    said = far_end.heard[1]
    assert talk.told(SessionResumed)[0].asked_again
    assert pictures(said)[0] == b"00"
    assert "video" in said[0]["realtimeInput"], "before the sound that asks about it"


async def test_a_typed_question_is_asked_again_with_its_pictures(loopback) -> None:
    async def breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        abort(peer)

    async def answers(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.answer()

    talk, far_end = talk_with(loopback, None, breaks, answers, model=ALL_FAMILIES[1])
    await talk.hold(Typed("what is it?", pictures=(Card(b"one"),)), delays=SOON)

    assert talk.error is None
    assert far_end.heard[0] == far_end.heard[1]
    assert "inlineData" in str(far_end.heard[1])


@pytest.mark.parametrize(
    ("model", "kind", "words"),
    [(ALL_FAMILIES[0], Noted, "that is on"), ("gemini-9-unheard-of", Warned, "does not know how")],
)
async def test_the_short_life_of_a_session_with_pictures_is_said(loopback, model, kind, words) -> None:
    """It is nothing to be warned of where flashlive has seen to it."""
    talk, far_end = talk_with(loopback, ListEyes(), model=model)
    await talk.hold(live=True, limits=Limits(duration_s=0.1))

    (told,) = [report for report in talk.reports if "2 minutes" in getattr(report, "message", "")]
    assert type(told) is kind
    assert words in told.message
    assert ("contextWindowCompression" in far_end.setups[0]) == (words == "that is on")


class Slow:
    """A far end whose network takes no more than a little: it reads when it is told to."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.got: list[int] = []

    async def __call__(self, connection: Any) -> None:
        await self.reads.wait()
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                self.got.append(len(message))


@pytest.fixture(params=["ws", "wss"])
def scheme(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, SSLContext | None]]:
    """The simulator's way, and the service's; with what the far end needs for it."""
    if request.param == "ws":
        yield "ws", None
        return
    with throw_away_certificate() as certificate:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.ca_file))
        yield "wss", certificate.context


@contextlib.asynccontextmanager
async def slow_line(scheme: tuple[str, SSLContext | None] = ("ws", None)):
    far_end = Slow()
    door = socket.create_server(("127.0.0.1", 0))
    door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    endpoint = find_endpoint(f"{scheme[0]}://127.0.0.1:{door.getsockname()[1]}", "k")
    async with (
        serve(far_end, sock=door, ssl=scheme[1], max_size=None, max_queue=1, compression=None),
        await dial(endpoint) as connection,
    ):
        try:
            yield far_end, connection
        finally:
            far_end.reads.set()


async def test_sound_does_not_wait_behind_a_picture_that_has_not_left_yet(scheme) -> None:
    """A picture of 300 kB on a line that takes nothing: the chunks after it are handed over at once, and in order."""
    async with slow_line(scheme) as (far_end, connection), asyncio.TaskGroup() as group:
        picture = group.create_task(connection.send("p" * 300_000))
        await until(lambda: connection.unsent_bytes > 100_000)
        begun = asyncio.get_running_loop().time()
        for _ in range(25):
            await connection.send("s" * 900)
        took_s = asyncio.get_running_loop().time() - begun

        assert took_s < 0.1
        assert not picture.done(), "who sent it waits until it has left"
        far_end.reads.set()
        await picture
        await until(lambda: len(far_end.got) == 26)
        assert far_end.got == [300_000] + [900] * 25


async def test_a_line_that_takes_nothing_is_still_noticed_by_the_sound() -> None:
    """Without a picture on its way the buffer is as small as ever: the microphone is kept, not poured into it."""
    async with slow_line() as (far_end, connection):
        n_sent = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                while n_sent < 5000:
                    await connection.send("s" * 900)
                    n_sent += 1
        assert n_sent < 5000
        far_end.reads.set()


async def test_a_picture_on_a_line_that_breaks_is_lost_with_it(scheme) -> None:
    """It had not left, and who sent it is told."""
    async with slow_line(scheme) as (_, connection), asyncio.TaskGroup() as group:
        picture = group.create_task(lost(connection.send("p" * 300_000)))
        await until(lambda: connection.unsent_bytes > 100_000)
        connection.break_off()
        assert await picture
        assert await lost(connection.send("s"))


async def lost(sending: Awaitable[None]) -> bool:
    try:
        await sending
    except ConnectionLost:
        return True
    return False


@pytest.mark.parametrize("model", ALL_FAMILIES)
async def test_what_was_not_handed_over_is_not_said_to_be_sent(loopback, monkeypatch, model: str) -> None:
    """The connection breaks while each of the pictures is on its way, of a typed line and of what is seen."""

    async def breaks(far_end, peer):
        await accept(peer)
        await take_all(far_end, peer)

    async def breaks_off(self: Connection, message: str) -> None:
        if len(message) > 3000:
            self.break_off()
            raise ConnectionLost("the connection broke off", code=1006)
        await send(self, message)

    send = Connection.send
    monkeypatch.setattr(Connection, "send", breaks_off)
    monkeypatch.setattr(sight, "BETWEEN_S", 0.05)
    talk, _ = talk_with(loopback, ListEyes("always", size=9000), breaks, model=model)
    await talk.hold(Typed("what is it?", pictures=(Card(b"a" * 9000), Card(b"b" * 9000))))

    assert isinstance(talk.error, ConnectionLost)
    assert not talk.told(VideoSent)
    assert talk.told(TalkSummary)[0].pictures == 0


async def test_no_picture_goes_out_while_the_sound_is_behind(loopback, monkeypatch) -> None:
    """The line is busy with more than a moment of sound: stills are skipped, and counted."""
    from flashlive_cli.session.pump import Pump

    async def part(far_end, peer):
        await accept(peer)
        await until(lambda: len(busy) > 5)
        assert not talk.told(VideoSent)
        clear.set()
        await take_all(far_end, peer)

    busy: list[int] = []
    clear = asyncio.Event()

    def unsent(_self: Pump) -> int:
        busy.append(1)
        return 0 if clear.is_set() else lane.CALM_BYTES + 1

    monkeypatch.setattr(Pump, "unsent_bytes", property(unsent))
    talk, _ = talk_with(loopback, ListEyes("always", every_s=0.02), part)
    await talk.hold(live=True, limits=Limits(duration_s=0.8))

    assert talk.told(VideoSent)[0].skipped >= 5
    assert talk.told(VideoSent)[1].skipped == 0


def test_pictures_grow_smaller_on_a_slow_line_and_larger_on_a_fast_one() -> None:
    assert now_bytes(100_000, 100_000, 1.0) == 10_000
    assert now_bytes(100_000, 50_000, 0.2) == 25_000
    assert now_bytes(10_000, 9_000, 0.06) == 10_000
    assert now_bytes(10_000, 9_000, 0.01) == 20_000


@given(st.integers(LEAST_BYTES, MOST_BYTES), st.integers(1, MOST_BYTES), st.floats(0, 1e6))
def test_a_picture_is_never_larger_nor_smaller_than_makes_sense(most: int, sent: int, took_s: float) -> None:
    assert LEAST_BYTES <= now_bytes(most, sent, took_s) <= MOST_BYTES


def takes(monkeypatch: pytest.MonkeyPatch, *, bytes_a_second: float) -> list[int]:
    """Make the line slow for what is longer than sound; return how long each such message was, as they go."""
    sent: list[int] = []
    send = Connection.send

    async def send_slowly(self: Connection, message: str) -> None:
        if len(message) > 3000:
            sent.append(len(message))
            await asyncio.sleep(len(message) * 3 / 4 / bytes_a_second)
        await send(self, message)

    monkeypatch.setattr(Connection, "send", send_slowly)
    return sent


def typing(n_messages: int) -> Any:
    """A far end that answers when so many messages have come."""

    async def answers(far_end, peer):
        await accept(peer)
        for _ in range(n_messages):
            await far_end.next(peer)
        await peer.answer()

    return answers


async def test_pictures_in_typed_lines_are_made_as_small_as_the_line_needs_it(loopback, monkeypatch) -> None:
    """The first takes half a second: of the one behind it a tenth of a second's worth is sent."""
    takes(monkeypatch, bytes_a_second=200_000)
    monkeypatch.setattr(sight, "BETWEEN_S", 0.05)
    talk, far_end = talk_with(loopback, None, typing(3))
    await talk.hold(Typed("what are they?", pictures=(Card(b"a" * 150_000), Card(b"b" * 150_000))))

    first, second = [len(image) for image in pictures(far_end.heard[0])]
    assert first == FIRST_BYTES
    assert LEAST_BYTES <= second <= 200_000 * MOST_DELAY_S
    assert [report.bytes for report in talk.told(VideoSent)] == [first, second]


async def test_pictures_inside_one_turn_share_what_may_leave_at_once(loopback) -> None:
    shown = tuple(Card(name * 90_000) for name in (b"a", b"b", b"c"))
    talk, far_end = talk_with(loopback, None, typing(1), model=ALL_FAMILIES[1])
    await talk.hold(Typed("what are they?", pictures=shown))

    (turn,) = far_end.heard[0][0]["clientContent"]["turns"]
    sizes = [len(base64.b64decode(part["inlineData"]["data"])) for part in turn["parts"][:3]]
    assert sizes == [FIRST_BYTES // 3] * 3


@pytest.mark.parametrize("n_pictures", [1, 6])
async def test_where_nobody_speaks_pictures_are_as_large_as_a_message_allows(loopback, n_pictures: int) -> None:
    async def open_typed() -> Sound:
        return Sound(talk.speaker)

    shown = (Card(b"a" * MOST_BYTES),) * n_pictures
    talk, far_end = talk_with(loopback, None, typing(1), model=ALL_FAMILIES[1])
    talk.open = open_typed
    await talk.hold(Typed("what is it?", pictures=shown))

    (turn,) = far_end.heard[0][0]["clientContent"]["turns"]
    sizes = [len(base64.b64decode(part["inlineData"]["data"])) for part in turn["parts"][:n_pictures]]
    assert sizes == [min(MOST_BYTES, MOST_TOGETHER_BYTES // n_pictures)] * n_pictures


async def test_a_picture_in_a_typed_line_waits_while_sound_does(loopback, monkeypatch) -> None:
    """Both of them wait, the one before the line and the one with it; a line without a picture does not."""
    from flashlive_cli.session.pump import Pump

    async def part(far_end, peer):
        await accept(peer)
        talk.wishes.put_nowait(Say("at once"))
        assert (await far_end.next(peer))["realtimeInput"] == {"text": "at once"}
        talk.wishes.put_nowait(Say("what is it?", (Card(b"one"), Card(b"two"))))
        await until(lambda: len(looks) > 5)
        assert not talk.told(VideoSent)
        calm.set()
        for _ in range(3):
            await far_end.next(peer)
        await peer.answer()

    looks: list[int] = []
    calm = asyncio.Event()

    def unsent(_self: Pump) -> int:
        looks.append(1)
        return 0 if calm.is_set() else lane.CALM_BYTES + 1

    monkeypatch.setattr(Pump, "unsent_bytes", property(unsent))
    monkeypatch.setattr(sight, "BETWEEN_S", 0.05)
    talk, far_end = talk_with(loopback, None, part)
    await talk.hold(live=True, limits=Limits(duration_s=1.5))

    assert pictures(far_end.heard[0]) == [b"one", b"two"]
    assert far_end.said(0)[-1] == "what is it?"


@pytest.mark.parametrize("model", ALL_FAMILIES)
async def test_where_sound_never_ceases_to_wait_a_typed_line_goes_without_its_pictures(
    loopback, monkeypatch, model: str
) -> None:
    from flashlive_cli.session.pump import Pump

    monkeypatch.setattr(Pump, "unsent_bytes", property(lambda _self: lane.CALM_BYTES + 1))
    monkeypatch.setattr(sight, "CALM_PATIENCE_S", 0.1)
    talk, far_end = talk_with(loopback, None, typing(1), model=model)
    await talk.hold(Typed("what is it?", pictures=(Card(b"one"), Card(b"two"))))

    assert talk.error is None
    assert "what is it?" in str(far_end.heard[0])
    assert not talk.told(VideoSent)
    assert [report.message for report in talk.told(Warned)] == [
        "the connection is too slow for pictures: the typed line goes without"
    ]


async def test_two_pictures_are_never_on_their_way_at_once(loopback, monkeypatch) -> None:
    """One that is sent by itself, and one of a typed line: each is alone on the line."""
    under_way: list[int] = []

    async def part(far_end, peer):
        await accept(peer)
        await until(lambda: talk.told(VideoSent))
        for _ in range(3):
            talk.wishes.put_nowait(Say("and this?", (Card(b"c" * 9000),)))
        await take_all(far_end, peer)

    send = Connection.send

    async def send_slowly(self: Connection, message: str) -> None:
        if len(message) > 3000:
            under_way.append(1)
            assert len(under_way) == 1
            await asyncio.sleep(0.03)
            under_way.pop()
        await send(self, message)

    monkeypatch.setattr(Connection, "send", send_slowly)
    talk, _ = talk_with(loopback, ListEyes("always", every_s=0.02, size=9000), part)
    await talk.hold(live=True, limits=Limits(duration_s=1.0))

    assert talk.error is None
    assert {report.because for report in talk.told(VideoSent)} == {"always", "typed"}

"""Every fault, met by a client over a real WebSocket."""

import asyncio
import contextlib
import json

import pytest
from websockets.exceptions import ConnectionClosed  # noqa: TID251 - what the other end sees

from flashlive_cli.sim.faults import parse_faults
from flashlive_cli.sim.script import Script, ScriptedTurn

M38 = "models/gemini-3.8-live"
WEATHER = {"name": "get_weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}
BLOCKING = [{"functionDeclarations": [WEATHER | {"behavior": "BLOCKING"}]}]


@pytest.fixture
def faulty(stage):
    """Opens a simulator with faults, and returns a client that has set up a 3.8 session."""

    async def open_session(faults, speed=20, **setup):
        await stage.serve(speed=speed, faults=parse_faults(faults))
        client = await stage.dial()
        await client.setup(M38, **setup)
        return client

    return open_session


async def resumed(stage, client, **setup):
    """Another connection for the session of a client."""
    handle = [m for m in client.seen if "sessionResumptionUpdate" in m][-1]["sessionResumptionUpdate"]["newHandle"]
    again = await stage.dial()
    await again.send(
        setup={"model": M38, "sessionResumption": {"handle": handle}, "outputAudioTranscription": {}} | setup
    )
    return again


def content(message):
    return message.get("serverContent", {})


async def test_goaway_early_leaves_minutes_and_does_not_stop_the_talk(faulty, sounds):
    client = await faulty("goaway-early")
    assert (await client.until("goAway"))[-1] == {"goAway": {"timeLeft": "300s"}}
    await client.type("Hello")
    assert "You typed: Hello" in sounds.said(await client.turn())


async def test_goaway_mid_answer_comes_between_chunks_and_then_the_connection_is_cut(faulty, sounds):
    client = await faulty("goaway-mid-answer@turn2:left=2")
    await client.type("Hello")
    assert "goAway" not in sounds.kinds(await client.turn())
    await client.type("a long story")
    before = await client.until("goAway")
    assert sounds.sound_s(before) >= 0.4
    code, reason = await client.closed()
    assert code == 1008
    assert reason.startswith("Connection aborted because the client failed to close the connection after receiving")


async def test_with_a_short_lease_every_connection_is_told_to_go(faulty, stage):
    client = await faulty("short-lease:after=20:left=2")
    for _ in range(2):
        assert (await client.until("goAway"))[-1] == {"goAway": {"timeLeft": "2s"}}
        assert (await client.closed())[0] == 1008
        await stage.clock.sleep(1.1)
        client = await resumed(stage, client)


async def test_without_a_fault_goaway_comes_after_nine_minutes(stage):
    await stage.serve(speed=500)
    client = await stage.dial()
    await client.setup(M38)
    began = stage.clock.now()
    assert (await client.until("goAway"))[-1] == {"goAway": {"timeLeft": "50s"}}
    assert stage.clock.now() - began >= 300
    assert (await client.closed())[0] == 1008


async def test_drop_1006_sends_no_close_frame_and_strikes_a_session_once(stage, faulty, sounds):
    client = await faulty("drop-1006")
    await client.type("a long story")
    with pytest.raises(ConnectionClosed) as error:
        await client.turn()
    assert error.value.rcvd is None
    assert sounds.sound_s(client.seen) > 0

    again = await resumed(stage, client)
    await again.until("setupComplete")
    await again.type("another story")
    assert sounds.sound_s(await again.turn()) > 10


async def test_drop_1006_strikes_at_a_time(faulty):
    client = await faulty("drop-1006@3")
    began = client.clock.now()
    with pytest.raises(ConnectionClosed) as error:
        await client.receive()
    assert error.value.rcvd is None
    assert client.clock.now() - began >= 1.5


@pytest.mark.parametrize(
    ("fault", "close"),
    [
        ("close-1008", (1008, "The operation was aborted.")),
        ("close-1011", (1011, "Internal error encountered.")),
        ("quota@turn1", (1011, "You exceeded your current quota, please check your plan and billing details.")),
    ],
)
async def test_a_closing_fault_closes_in_the_middle_of_a_reply(faulty, sounds, fault, close):
    client = await faulty(fault)
    await client.type("a long story")
    await client.until("modelTurn")
    assert await client.closed() == close


async def test_quota_closes_at_setup(stage):
    await stage.serve(faults=parse_faults("quota"))
    client = await stage.dial()
    await client.send(setup={"model": M38})
    assert (await client.closed())[0] == 1011
    assert client.seen == []


@pytest.mark.parametrize(("fault", "code"), [("resume-refused", 1011), ("resume-refused:code=1008:times=1", 1008)])
async def test_resume_refused_refuses_a_good_handle(stage, faulty, fault, code):
    client = await faulty(fault)
    await client.ws.close()
    await stage.clock.sleep(2)
    assert (await (await resumed(stage, client)).closed())[0] == code
    again = await resumed(stage, client)
    if "times" in fault:
        await again.until("setupComplete")
    else:
        assert (await again.closed())[0] == code


async def test_pongs_can_be_slow(faulty, sounds):
    client = await faulty("slow-pong:seconds=20")
    began = client.clock.now()
    await (await client.ws.ping())
    assert client.clock.now() - began >= 19
    await client.type("Hello")
    assert "You typed: Hello" in sounds.said(await client.turn()), "nothing else is late"


async def test_stall_holds_everything_back_and_lets_it_go_at_once(faulty, sounds):
    client = await faulty("stall:seconds=4")
    await client.type("a long story")
    turn = await client.turn()
    gaps = [later - earlier for earlier, later in zip(client.at, client.at[1:], strict=False)]
    assert max(gaps) >= 3
    assert sounds.kinds(turn)[-2:] == ["generationComplete", "turnComplete"]
    assert sounds.sound_s(turn) > 10, "nothing is lost"


async def test_a_stall_can_last_for_ever(faulty):
    client = await faulty("stall:seconds=0")
    await client.type("Hello")
    await client.until("modelTurn")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(client.clock.real(1)):
            while True:
                await client.receive()
    await client.nothing_for(10)


async def test_after_goaway_nothing_comes_but_the_cut(faulty):
    client = await faulty("stall-after-goaway:left=5")
    await client.until("goAway")
    await client.type("Hello?")
    with pytest.raises(ConnectionClosed):
        await client.receive()
    assert client.ws.close_code == 1008


async def test_stall_after_goaway_takes_the_goaway_of_another_fault(faulty, sounds):
    client = await faulty("goaway-mid-answer:left=3,stall-after-goaway")
    await client.type("a long story")
    assert "modelTurn" in sounds.kinds(await client.until("goAway"))
    with pytest.raises(ConnectionClosed):
        await client.receive()


async def test_phantom_interrupt_cuts_a_reply_of_its_own_accord(faulty, sounds):
    client = await faulty("phantom-interrupt")
    await client.type("a long story")
    turn = await client.turn()
    assert "interrupted" in sounds.kinds(turn)
    assert "generationComplete" not in sounds.kinds(turn)
    await client.nothing_for(2)
    await client.type("Again")
    assert "You typed: Again" in sounds.said(await client.turn())


async def test_a_phantom_interrupt_with_nobody_speaking_stands_alone(faulty):
    client = await faulty("phantom-interrupt@1")
    assert await client.receive() == {"serverContent": {"interrupted": True}}
    await client.nothing_for(2)


async def test_late_transcripts_come_after_their_sound(faulty, sounds):
    client = await faulty("late-transcript:seconds=30")
    await client.say(sounds.speech_like(1) + sounds.silence(1.5))
    turn = await client.turn()
    assert sounds.said(turn) == ""
    assert "inputTranscription" not in sounds.kinds(turn)
    await client.until("inputTranscription")
    while not sounds.said(client.seen).endswith("seconds of speech."):
        await client.receive()


async def test_a_reply_can_be_words_without_sound(faulty, sounds):
    client = await faulty("transcript-without-audio@turn2")
    await client.type("One")
    assert sounds.sound_s(await client.turn()) > 1
    await client.type("Two")
    turn = await client.turn()
    assert sounds.sound_s(turn) == 0
    assert sounds.said(turn).endswith("Two")
    assert sounds.kinds(turn) == ["generationComplete", "turnComplete"]


async def test_what_is_sent_at_once_can_share_a_message(faulty, sounds):
    client = await faulty("merged-fields", tools=[{"functionDeclarations": [WEATHER]}])
    await client.type("Hello")
    turn = await client.turn()
    assert {"modelTurn", "generationComplete"} <= set(content(turn[-2]))
    assert sounds.said(turn).endswith("Hello")
    await client.type("a story")
    await client.until("generationComplete")
    await client.type("Stop")
    assert {"interrupted", "turnComplete"} <= set(content((await client.until("turnComplete"))[-1]))
    await client.turn()
    await client.type("weather")
    call = (await client.turn())[-1]
    assert {"toolCall", "serverContent", "usageMetadata"} <= set(call)


async def test_audio_can_come_in_several_parts(faulty, sounds):
    client = await faulty("many-parts:parts=5")
    await client.type("a long story")
    turn = await client.turn()
    parts = [len(content(m)["modelTurn"]["parts"]) for m in turn if "modelTurn" in content(m)]
    assert max(parts) == 5
    assert sounds.sound_s(turn) > 10


async def test_strangers_can_come_in_every_message(faulty, sounds):
    client = await faulty("unknown-fields", tools=[{"functionDeclarations": [WEATHER]}])
    await client.type("Hello")
    turn = await client.turn()
    assert any("flashliveUnheardOf" in m for m in turn)
    assert all("flashliveExtra" in m or "flashliveUnheardOf" in m for m in turn)
    assert "You typed: Hello" in sounds.said(turn)
    assert sounds.sound_s(turn) > 1
    await client.type("weather")
    (call,) = next(m for m in await client.turn() if "toolCall" in m)["toolCall"]["functionCalls"]
    assert "flashliveExtra" in call
    assert "flashliveExtra" not in call["args"], "arguments are the function's own"


async def test_messages_can_come_in_text_frames(stage):
    await stage.serve(faults=parse_faults("text-frames"))
    client = await stage.dial()
    await client.send(setup={"model": M38})
    frames = [await client.ws.recv() for _ in range(2)]
    await client.type("Hello")
    while "turnComplete" not in frames[-1]:
        frames.append(await client.ws.recv())
    assert all(isinstance(frame, str) for frame in frames)
    assert json.loads(frames[0]) == {"setupComplete": {}}


async def test_one_message_can_be_no_json(faulty):
    client = await faulty("malformed-json")
    await client.type("a long story")
    malformed = 0
    raw = b""
    while b"turnComplete" not in raw:
        raw = await client.ws.recv()
        try:
            json.loads(raw)
        except ValueError:
            malformed += 1
    assert malformed == 1


async def test_one_message_can_be_larger_than_libraries_take_by_default(faulty):
    client = await faulty("huge-message")
    await client.type("a long story")
    largest = 0
    raw = b""
    while b"turnComplete" not in raw:
        raw = await client.ws.recv()
        largest = max(largest, len(raw))
    assert largest > 2 * 2**20


async def test_chunks_can_be_tiny(faulty, sounds):
    client = await faulty("tiny-chunks:ms=5")
    await client.type("Hello")
    turn = await client.turn()
    assert max(len(sounds.pcm_of(m)) for m in turn) == 240
    assert sounds.said(turn).endswith("Hello")


async def test_audio_can_come_slower_than_it_is_played(faulty, sounds):
    client = await faulty("slow-audio:pace=0.5", speed=10)
    await client.type("Hello")
    turn = await client.turn()
    first, generated = (
        next(t for t, m in zip(client.at, client.seen, strict=True) if key in content(m))
        for key in ("modelTurn", "generationComplete")
    )
    assert generated - first >= 1.5 * sounds.sound_s(turn)


async def test_jitter_delays_and_keeps_the_order(faulty, sounds):
    client = await faulty("jitter:ms=400", speed=40)
    await client.type("Hello")
    turn = await client.turn()
    assert sounds.kinds(turn) == ["modelTurn", "generationComplete", "turnComplete"]
    assert sounds.said(turn).endswith("Hello")


@pytest.mark.parametrize("duplicated", [True, False])
async def test_a_barge_in_into_a_blocking_call_can_make_it_again(faulty, sounds, duplicated):
    client = await faulty("duplicate-call" if duplicated else "", tools=BLOCKING)
    await client.type("weather")
    (first,) = (await client.until("toolCall"))[-1]["toolCall"]["functionCalls"]
    await client.type("stop")
    assert sounds.kinds(await client.turn()) == ["interrupted", "turnComplete"], "3.8 cancels nothing"
    if not duplicated:
        assert "You typed: stop" in sounds.said(await client.turn())
        return
    (second,) = (await client.until("toolCall"))[-1]["toolCall"]["functionCalls"]
    assert second["id"] != first["id"]
    assert (second["name"], second["args"]) == (first["name"], first["args"])


async def test_a_context_update_can_be_unheard_of(faulty):
    client = await faulty("no-context-update")
    await client.send(contextUpdate={"systemInstruction": {"parts": [{"text": "Be brief."}]}})
    code, reason = await client.closed()
    assert (code, reason) == (1007, 'Invalid JSON payload received. Unknown name "contextUpdate": Cannot find field.')


async def test_faults_are_composed(faulty, sounds):
    client = await faulty("merged-fields,many-parts,unknown-fields,jitter:ms=50,tiny-chunks:ms=50", speed=40)
    await client.type("a long story")
    turn = await client.turn()
    assert sounds.sound_s(turn) > 10
    assert "turnComplete" in content(turn[-1])


async def test_a_reply_too_short_for_a_fault_meets_it_at_its_end(stage, sounds):
    script = Script((ScriptedTurn(reply="Hm."),))
    await stage.serve(script=script, faults=parse_faults("phantom-interrupt:after=10"))
    client = await stage.dial()
    await client.setup(M38)
    await client.type("1")
    turn = await client.turn()
    assert sounds.kinds(turn) == ["modelTurn", "interrupted", "turnComplete"]
    assert sounds.said(turn) == "Hm."


async def test_a_scenario_brings_its_own_faults(stage, sounds):
    script = Script(
        (ScriptedTurn(reply="One."), ScriptedTurn(reply="Two, and more of it.")), parse_faults("close-1011@turn2")
    )
    await stage.serve(script=script)
    client = await stage.dial()
    await client.setup(M38)
    await client.type("1")
    await client.turn()
    await client.type("2")
    assert (await client.closed())[0] == 1011
    assert any("fault close-1011@turn2" in note for note in stage.notes)

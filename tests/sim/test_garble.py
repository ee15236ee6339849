"""Messages made unusual stay messages, and lose nothing they are not meant to lose."""

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.sim import garble
from flashlive_cli.sim.outbound import encode


def audio(pcm, text="", role=True):
    part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(pcm).decode()}}
    content = {"modelTurn": {"parts": [part]} | ({"role": "model"} if role else {})}
    return {"serverContent": content | ({"outputTranscription": {"text": text}} if text else {})}


def pcm_of(message):
    parts = message.get("serverContent", {}).get("modelTurn", {}).get("parts", [])
    return b"".join(base64.b64decode(part["inlineData"]["data"]) for part in parts if "inlineData" in part)


@given(st.integers(1, 500), st.integers(2, 100))
def test_parts_are_whole_samples_and_together_the_same_sound(n_samples, n_parts):
    pcm = bytes(i % 251 for i in range(2 * n_samples))
    made = garble.in_parts(audio(pcm, "Hi"), n_parts)
    parts = made["serverContent"]["modelTurn"]["parts"]
    assert pcm_of(made) == pcm
    assert len(parts) <= n_parts
    assert all(len(base64.b64decode(part["inlineData"]["data"])) % 2 == 0 for part in parts)
    assert made["serverContent"]["outputTranscription"] == {"text": "Hi"}


def test_sound_goes_and_words_and_thoughts_stay():
    assert garble.without_audio(audio(b"\0\0")) == []
    assert garble.without_audio(audio(b"\0\0", "Hi")) == [{"serverContent": {"outputTranscription": {"text": "Hi"}}}]
    thought = {"serverContent": {"modelTurn": {"parts": [{"text": "Hm", "thought": True}], "role": "model"}}}
    assert garble.without_audio(thought) == [thought]
    assert garble.without_audio({"setupComplete": {}}) == [{"setupComplete": {}}]


def test_transcripts_come_apart():
    told = {"serverContent": {"outputTranscription": {"text": "Hi"}}}
    assert garble.transcripts_apart(audio(b"\0\0", "Hi")) == ([audio(b"\0\0")], [told])
    assert garble.transcripts_apart(told) == ([], [told])
    assert garble.transcripts_apart({}) == ([{}], [])


def test_what_differs_is_merged_and_what_would_be_lost_is_not():
    done = {"serverContent": {"generationComplete": True}}
    both = garble.merged(audio(b"\1\0", "Hi "), audio(b"\2\0", "there"))
    assert both is not None
    assert pcm_of(both) == b"\1\0\2\0"
    assert both["serverContent"]["outputTranscription"] == {"text": "Hi there"}
    assert garble.merged(both, done) == {"serverContent": both["serverContent"] | {"generationComplete": True}}
    assert garble.merged(done, done) is None
    call = {"toolCall": {"functionCalls": []}}
    assert garble.merged(call, call) is None
    assert garble.merged(call, done) == call | done


def test_strangers_are_everywhere_but_in_arguments():
    message = {"toolCall": {"functionCalls": [{"name": "f", "args": {"city": "Rome"}, "id": "1"}]}}
    (strange,) = garble.with_unknown_fields(message)
    (call,) = strange["toolCall"]["functionCalls"]
    assert call == {"name": "f", "args": {"city": "Rome"}, "id": "1", "flashliveExtra": "x"}
    before, after = garble.with_unknown_fields(audio(b"\0\0"))
    assert list(before) == ["flashliveUnheardOf"]
    assert "flashliveExtra" in after["serverContent"]["modelTurn"]["parts"][0]


def test_half_a_message_is_sent_as_it_is():
    whole = {"serverContent": {"turnComplete": True}}
    raw = encode(garble.cut_short(whole))
    assert json.dumps(whole).encode().startswith(raw)
    assert len(raw) < len(json.dumps(whole))


def test_a_huge_message_has_its_size():
    assert 3 * 2**20 <= len(encode(garble.huge(3))) < 3.1 * 2**20

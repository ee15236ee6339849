"""What is done often is done in a short way, which comes to the same as the long one."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.sim import indented
from flashlive_cli.sim.inbound import Audio, read_later
from flashlive_cli.sim.quick import read_sound
from flashlive_cli.sim.schema import Refusal
from flashlive_cli.sim.setup import judge_setup

SETUP = judge_setup({"model": "models/gemini-3.8-live"}, version="v1beta")
PCM = bytes(range(256)) * 5


@pytest.mark.parametrize("outer", ["realtimeInput", "realtime_input"])
@pytest.mark.parametrize("mime", ["mimeType", "mime_type"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("mime_first", [False, True])
def test_sound_as_clients_write_it_is_read_the_short_way(outer, mime, encode, separators, mime_first):
    members = [("data", encode(PCM).decode()), (mime, "audio/pcm;rate=16000")]
    blob = dict(reversed(members) if mime_first else members)
    raw = json.dumps({outer: {"audio": blob}}, separators=separators).encode()
    assert read_sound(raw) == Audio(PCM, 16_000)
    assert read_later(raw, SETUP) == [Audio(PCM, 16_000)]


PIECES = st.sampled_from(
    [
        b'{"realtimeInput":', b'{"realtime_input": ', b'{"audio":', b'{"video":', b"{", b'"data":"', b'"data": "AAAA"',
        b"AAAA", b"AAA=", b"AA==", b"A", b"-_+/", b"=", b'"', b",", b", ", b'"mimeType":"audio/pcm"',
        b'"mime_type": "audio/pcm;rate=24000"', b'"mimeType":"audio/opus"', b"}}}", b"}", b"\\", b"\n",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map(b"".join) | st.binary(max_size=60))
def test_what_is_read_the_short_way_is_what_the_long_way_reads(raw):
    sound = read_sound(raw)
    if sound is not None:
        assert read_later(raw, SETUP) == [sound]


@given(st.text("AB+/-_=\\", max_size=12), st.sampled_from(["audio/pcm", "audio/pcm;rate=16000", "audio/pcm;rate=8000"]))
def test_whatever_the_data_both_ways_agree(data, mime):
    raw = f'{{"realtimeInput":{{"audio":{{"data":"{data}","mimeType":"{mime}"}}}}}}'.encode()
    sound = read_sound(raw)
    try:
        told = read_later(raw, SETUP)
    except Refusal:
        told = []
    assert sound is None or told == [sound]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON))
def test_indented_json_is_the_standard_librarys(value):
    assert indented.dumps(value) == json.dumps(value, indent=2, ensure_ascii=False)

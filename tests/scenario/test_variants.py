"""One scenario for each voice, model and noise of its matrix."""

import pytest

from flashlive_cli.scenario.reading import read_scenario
from flashlive_cli.scenario.variants import cases_of


@pytest.fixture
def cases(tmp_path):
    def read(text, name="s.toml"):
        path = tmp_path / name
        path.write_text(text + '\n[[turn]]\ntext = "Hi"\n', encoding="utf-8")
        return list(cases_of(read_scenario(path)))

    return read


def test_without_a_matrix_there_is_one(cases):
    (case,) = cases('name = "Say hi"')
    assert (case.id, case.name, case.variant) == ("s", "Say hi", {})
    assert case.scenario is case.written.scenario


def test_every_combination_is_one_in_the_order_of_the_file(cases):
    found = cases("""
voice = { name = "Leda", language = "German" }
noise = { kind = "pink", snr_db = 1 }
[matrix]
noise = ["none", { kind = "white", snr_db = 10 }]
voice = ["Puck", "Kore"]
model = ["gemini-3.8-live"]
""")
    assert [tuple(case.variant.values()) for case in found] == [
        (voice, "gemini-3.8-live", noise) for voice in ("Puck", "Kore") for noise in ("no noise", "white 10 dB")
    ]
    assert [case.id for case in found][:2] == ["s-Puck-gemini-3.8-live-no-noise", "s-Puck-gemini-3.8-live-white-10-dB"]
    assert found[3].name == "s [Kore, gemini-3.8-live, white 10 dB]"
    chosen = found[3].scenario
    assert (chosen.voice.name, chosen.voice.language, chosen.model.id) == ("Kore", "German", "gemini-3.8-live")
    assert chosen.noise is not None
    assert chosen.noise.kind == "white"
    assert found[0].scenario.noise is None, "none is none, also where the scenario has one"


def test_ids_hold_no_folder_and_are_each_their_own(cases, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "hum.wav").touch()
    found = cases("""
[matrix]
noise = [{ file = "a/hum.wav", snr_db = 3 }, { file = "b/hum.wav", snr_db = 3 }]
""")
    assert [case.id for case in found] == ["s-hum-3-dB", "s-hum-3-dB-2"]

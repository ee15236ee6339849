"""Which of the places wins, what a value may be, and what is said about one that may not."""

import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.config import SETTINGS, Config, Resolved, example_toml, resolve, user_config_file
from flashlive_cli.errors import ConfigError


@dataclass
class Home:
    """A project folder and a user folder."""

    cwd: Path
    user_file: Path

    @property
    def project_file(self) -> Path:
        return self.cwd / "flashlive.toml"

    def resolve(
        self,
        flags: Mapping[str, object] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        config_file: Path | None = None,
        profile: str | None = None,
    ) -> Resolved:
        return resolve(
            flags or {},
            env=env or {},
            cwd=self.cwd,
            user_file=self.user_file,
            config_file=config_file,
            profile=profile,
        )

    def complaint(self, text: str | bytes) -> str:
        """What is said about a project file, after its name."""
        self.project_file.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ConfigError) as wrong:
            self.resolve()
        message = str(wrong.value)
        assert "\n" not in message
        assert message.startswith(str(self.project_file))
        return message.removeprefix(str(self.project_file))


@pytest.fixture
def home(tmp_path) -> Home:
    (tmp_path / "project").mkdir()
    return Home(tmp_path / "project", tmp_path / "config.toml")


def test_without_anything_every_value_is_the_default(home) -> None:
    resolved = home.resolve()

    assert resolved.config == Config()
    assert resolved.config.model == "gemini-3.1-flash-live-preview"
    assert resolved.sources == dict.fromkeys(SETTINGS, "default")


SILENCE_MS = st.none() | st.integers(0, 10_000)
"""Says nothing, or a valid value of `silence_ms`."""


@given(
    flag=SILENCE_MS, variable=SILENCE_MS, chosen=st.booleans(),
    of_project=st.tuples(SILENCE_MS, SILENCE_MS), of_user=st.tuples(SILENCE_MS, SILENCE_MS),
)  # fmt: skip
def test_whoever_says_something_the_strongest_wins(flag, variable, chosen, of_project, of_user) -> None:
    """Of each file: what it says to everybody, and in its profile."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder), Path(folder) / "user.toml")
        for path, (common, in_profile) in ((home.project_file, of_project), (home.user_file, of_user)):
            lines = [
                *([] if common is None else [f"silence_ms = {common}"]),
                "[profile.quick]",
                *([] if in_profile is None else [f"silence_ms = {in_profile}"]),
            ]
            path.write_text("\n".join(lines))
        env = {} if variable is None else {"FLASHLIVE_SILENCE_MS": str(variable)}

        resolved = home.resolve({"silence_ms": flag}, env=env, profile="quick" if chosen else None)

        ranking = [
            (flag, "flag --silence-ms"),
            (variable, "environment FLASHLIVE_SILENCE_MS"),
            *([(of_project[1], f"{home.project_file} [profile.quick]")] if chosen else []),
            *([(of_user[1], f"{home.user_file} [profile.quick]")] if chosen else []),
            (of_project[0], str(home.project_file)),
            (of_user[0], str(home.user_file)),
        ]
        said = [(value, source) for value, source in ranking if value is not None]
        assert (resolved.config.silence_ms, resolved.sources["silence_ms"]) == (said or [(None, "default")])[0]


def test_the_stronger_place_wins_and_is_named(home) -> None:
    home.project_file.write_text("voice = 'project'\n[profile.p]\nvoice = 'project profile'\n")
    home.user_file.write_text("voice = 'user'\n[profile.p]\nvoice = 'user profile'\n")
    env = {"FLASHLIVE_VOICE": "environment"}

    def chosen(resolved: Resolved) -> tuple[str | None, str]:
        return resolved.config.voice, resolved.sources["voice"]

    flags = {"voice": "flag"}
    assert chosen(home.resolve(flags, env=env, profile="p")) == ("flag", "flag --voice")
    assert chosen(home.resolve(env=env, profile="p")) == ("environment", "environment FLASHLIVE_VOICE")
    assert chosen(home.resolve(profile="p")) == ("project profile", f"{home.project_file} [profile.p]")
    assert chosen(home.resolve()) == ("project", str(home.project_file))
    home.project_file.write_text("voice = 'project'\n")
    assert chosen(home.resolve(profile="p")) == ("user profile", f"{home.user_file} [profile.p]")
    home.project_file.unlink()
    assert chosen(home.resolve()) == ("user", str(home.user_file))
    home.user_file.unlink()
    assert chosen(home.resolve()) == (None, "default")


def test_places_are_mixed_key_by_key(home) -> None:
    home.project_file.write_text("voice = 'Puck'\nsilence_ms = 100\n[profile.slow]\nsilence_ms = 900\n")
    home.user_file.write_text("voice = 'Kore'\nsearch = true\n")

    resolved = home.resolve({"speed": 2}, env={"FLASHLIVE_PROFILE": "slow", "FLASHLIVE_TEMPERATURE": "0.5"})
    assert resolved.config == Config(voice="Puck", silence_ms=900, search=True, speed=2, temperature=0.5)
    assert resolved.sources["silence_ms"] == f"{home.project_file} [profile.slow]"
    assert resolved.sources["search"] == str(home.user_file)
    assert resolved.sources["speed"] == "flag --speed"
    assert resolved.sources["model"] == "default"


def test_flags_that_were_not_given_leave_the_choice_to_others(home) -> None:
    home.project_file.write_text("tools = ['a.py']\nsearch = true")

    config = home.resolve({"tools": (), "search": None, "voice": None}).config
    assert config.search
    assert config.tools == [str(home.cwd / "a.py")]
    assert home.resolve({"tools": ("b.py",), "search": False}).config == Config(tools=["b.py"], search=False)


def test_paths_in_a_file_are_beside_it(home) -> None:
    home.project_file.write_text(
        "tools = ['a.py', '../b.py', '/c.py', '~/d.py']\nsystem = '@prompt.txt'\noutput = 'a.wav'\n"
        "mcp = 'servers.json'\nrecord = 'talks'\ntranscript = '~/said.md'"
    )

    config = home.resolve().config
    assert config.tools == [
        str(home.cwd / "a.py"),
        str(home.cwd / "../b.py"),
        "/c.py",
        str(Path.home() / "d.py"),
    ]
    assert config.system == f"@{home.cwd / 'prompt.txt'}"
    assert config.output == "a.wav"
    assert config.mcp == str(home.cwd / "servers.json")
    assert config.record == str(home.cwd / "talks")
    assert config.transcript == str(Path.home() / "said.md")


def test_paths_in_the_environment_are_left_as_they_are(home) -> None:
    config = home.resolve({"transcript": "said.md"}, env={"FLASHLIVE_RECORD": "talks"}).config

    assert (config.record, config.transcript) == ("talks", "said.md")


def test_prices_are_a_table_for_each_model(home) -> None:
    home.user_file.write_text('[prices."models/gemini-9-live"]\naudio_in = 5\n')
    home.project_file.write_text(
        '[prices."gemini-3.8-live"]\naudio_in = 2.5\ntext_out = 0\n[prices.mine]\nimage_in = 1\n'
        '[profile.free.prices."gemini-3.8-live"]\naudio_in = 0\n'
    )

    resolved = home.resolve()
    assert resolved.config.prices == {"gemini-3.8-live": {"audio_in": 2.5, "text_out": 0}, "mine": {"image_in": 1}}
    assert resolved.sources["prices"] == str(home.project_file)
    assert home.resolve(profile="free").config.prices == {"gemini-3.8-live": {"audio_in": 0}}
    home.project_file.unlink()
    assert home.resolve().config.prices == {"models/gemini-9-live": {"audio_in": 5}}


@pytest.mark.parametrize(
    ("variable", "value", "key", "read"),
    [
        ("FLASHLIVE_TOOLS", os.pathsep.join(["a.py", "b.py"]), "tools", ["a.py", "b.py"]),
        ("FLASHLIVE_SEARCH", "yes", "search", True),
        ("FLASHLIVE_SEARCH", "0", "search", False),
        ("FLASHLIVE_SEARCH", "On", "search", True),
        ("FLASHLIVE_SEARCH", "F", "search", False),
        ("FLASHLIVE_SILENCE_MS", "600", "silence_ms", 600),
        ("FLASHLIVE_SILENCE_MS", " 600.0 ", "silence_ms", 600),
        ("FLASHLIVE_SPEED", "1e1", "speed", 10.0),
        ("FLASHLIVE_THINKING", "low", "thinking", "low"),
        ("FLASHLIVE_FORMAT", "panel", "format", "panel"),
        ("FLASHLIVE_MAX_COST", "0.25", "max_cost", 0.25),
        ("FLASHLIVE_PUSH_TO_TALK", "1", "push_to_talk", True),
        ("FLASHLIVE_VOICE", "", "voice", None),
    ],
)
def test_the_environment_is_read_as_text(home, variable, value, key, read) -> None:
    assert getattr(home.resolve(env={variable: value}).config, key) == read


def test_a_file_given_by_name_takes_the_place_of_both_and_must_exist(home, tmp_path) -> None:
    home.project_file.write_text("voice = 'project'\nnonsense")
    home.user_file.write_text("search = true")
    mine = tmp_path / "mine.toml"
    mine.write_text("temperature = 1")

    assert home.resolve(config_file=mine).config == Config(temperature=1)
    assert home.resolve(env={"FLASHLIVE_CONFIG": "../mine.toml"}).config == Config(temperature=1)
    mine.unlink()
    with pytest.raises(ConfigError, match=r"mine\.toml: no such file"):
        home.resolve(config_file=mine)


WRONG_FILES = [
    ("voice = \n", ":1:9: Invalid value"),
    ("\nvoice = 'a'\nvoice = 'b'", ":3:12: Cannot overwrite a value"),
    ("voice = 'a", ":1:11: "),
    ("voice", ":1:6: "),
    (b"voice = '\xff'", ": is not UTF-8 (byte 9)"),
    ("voise = 'Puck'", ": voise: no such setting; did you mean voice?"),
    ("silence-ms = 3", ": silence-ms: no such setting; did you mean silence_ms?"),
    ("Voice = 'Puck'", ": Voice: no such setting; did you mean voice?"),
    ("qqqqqq = 3", ": qqqqqq: no such setting"),
    ("[server]\nport = 3", ": server: no such setting"),
    ('"\\u001b[2J" = 3', ": \\x1b[2J: no such setting"),
    ("voice = 3", ": voice: expected a valid string, got 3"),
    ("voice = true", ": voice: expected a valid string, got true"),
    ("voice = 2026-11-22", ": voice: expected a valid string, got 2026-11-22"),
    ("voice = {}", ": voice: expected a valid string, got a table"),
    ("search = 'yes'", ": search: expected a valid boolean, got 'yes'"),
    ("search = 1", ": search: expected a valid boolean, got 1"),
    ("tools = 'a.py'", ": tools: expected a valid list, got 'a.py'"),
    ("tools = ['a.py', 3]", ": tools.1: expected a valid string, got 3"),
    ("thinking = 'hard'", ": thinking: expected 'minimal', 'low', 'medium' or 'high', got 'hard'"),
    ("thinking_budget = -1", ": thinking_budget: expected greater than or equal to 0, got -1"),
    ("silence_ms = 600.0", ": silence_ms: expected a valid integer, got 600.0"),
    ("silence_ms = true", ": silence_ms: expected a valid integer, got true"),
    ("silence_ms = 600.5", ": silence_ms: expected a valid integer, got 600.5"),
    ("silence_ms = 10001", ": silence_ms: expected less than or equal to 10000, got 10001"),
    (f"silence_ms = 0x{'f' * 5000}", ": silence_ms: expected less than or equal to 10000, got a huge number"),
    (f"silence_ms = {'9' * 5000}", ": is beyond reading: "),
    (f"speed = 0x{'f' * 5000}", ": speed: expected a finite number, got a huge number"),
    (f"max_cost = 0x{'f' * 5000}", ": max_cost: expected a finite number, got a huge number"),
    (f"voice = {'[' * 5000}", ": is beyond reading: "),
    ("temperature = 2.1", ": temperature: expected less than or equal to 2, got 2.1"),
    ("temperature = nan", ": temperature: expected a finite number, got nan"),
    ("speed = 0", ": speed: expected greater than 0, got 0"),
    ("speed = '2'", ": speed: expected a valid number, got '2'"),
    ("speed = inf", ": speed: expected a finite number, got inf"),
    ("speed = true", ": speed: expected a valid number, got true"),
    (f"log_level = '{'x' * 99}'", "got 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"),
    ("max_cost = 0", ": max_cost: expected greater than 0, got 0"),
    ("max_cost = '1 USD'", ": max_cost: expected a valid number, got '1 USD'"),
    ("push_to_talk = 'hold'", ": push_to_talk: expected a valid boolean, got 'hold'"),
    ("record = true", ": record: expected a valid string, got true"),
    ("format = 'panels'", ": format: expected 'panel', 'plain' or 'json', got 'panels'"),
    ("prices = 3", ": prices: expected a valid table, got 3"),
    ("[prices]\ntext_in = 3", ": prices.text_in: expected a valid table, got 3"),
    ("[prices.mine]\naudio-input = 3", ": prices.mine.audio-input: no such price; did you mean audio_in?"),
    ("[prices.mine]\nqqqqqq = 3", ": prices.mine.qqqqqq: no such price"),
    ("[prices.mine]\ntext_in = '3'", ": prices.mine.text_in: expected a valid number, got '3'"),
    ("[prices.mine]\ntext_in = -1", ": prices.mine.text_in: expected greater than or equal to 0, got -1"),
    ("[prices.mine]\ntext_in = inf", ": prices.mine.text_in: expected a finite number, got inf"),
    ("[prices.mine]\ntext_in = true", ": prices.mine.text_in: expected a valid number, got true"),
    ("[prices.gemini-3.8-live]\ntext_in = 3", ": prices.gemini-3.8-live: no such price; a model's id goes into quotes"),
    (f"prices.a{'.b' * 2000} = 3", ": prices.a.b: no such price; a model's id goes into quotes"),
    ("[profile.q.prices.mine]\ntxt_in = 3", ": profile.q.prices.mine.txt_in: no such price; did you mean text_in?"),
    ("profile = 3", ": profile: expected tables such as [profile.quick], got 3"),
    ("[profile]\nquick = 3", ": profile.quick: expected a table [profile.quick], got 3"),
    ("[profile.quick]\nvoise = 3", ": profile.quick.voise: no such setting; did you mean voice?"),
    ("[profile.quick.profile.slow]", ": profile.quick.profile: no such setting"),
    ("[profile.quick]\nvoice = 3", ": profile.quick.voice: expected a valid string, got 3"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), WRONG_FILES, ids=[str(text)[:40] for text, _ in WRONG_FILES])
def test_a_wrong_file_is_told_with_file_key_and_what_was_expected(home, text, words) -> None:
    assert words in home.complaint(text)


@pytest.mark.parametrize(
    "key", ["api_key", "API-KEY", "gemini_api_key", "GEMINI_API_KEY", "google_api_key", "key", "token"]
)
@pytest.mark.parametrize("table", ["", "[profile.quick]\n", "[prices]\n"])
def test_an_api_key_in_a_file_is_refused_and_not_repeated(home, table, key) -> None:
    complaint = home.complaint(f"{table}{key} = 'AIza-secret'")

    assert f"{key}: a key has no place in a file" in complaint
    assert "GEMINI_API_KEY" in complaint
    assert "secret" not in complaint


def test_a_byte_order_mark_and_windows_line_ends_are_understood(home) -> None:
    home.project_file.write_bytes(b"\xef\xbb\xbfvoice = 'Puck'\r\nsearch = true\r\n")

    assert home.resolve().config == Config(voice="Puck", search=True)


def test_a_folder_or_an_impossible_path_is_told(home, tmp_path) -> None:
    home.project_file.mkdir()
    with pytest.raises(ConfigError, match=r"flashlive\.toml: is a folder"):
        home.resolve()
    with pytest.raises(ConfigError, match=r"File name too long"):
        home.resolve(config_file=tmp_path / ("x" * 300))


def test_a_user_file_below_something_that_is_no_folder_does_not_exist(tmp_path) -> None:
    (tmp_path / "file").touch()

    assert Home(tmp_path, tmp_path / "file" / "config.toml").resolve().config == Config()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ("[profile.quick]\n[profile.slow]", "there is no profile quik; did you mean quick?"),
        ("[profile.a]\n[profile.b]", "there is no profile quik; there is a, b"),
        ("", "there is no profile quik; no file has any"),
    ],
)
def test_an_unknown_profile_is_told_with_the_nearest(home, files, words) -> None:
    home.user_file.write_text(files)

    with pytest.raises(ConfigError) as wrong:
        home.resolve(profile="quik")
    assert str(wrong.value) == words
    with pytest.raises(ConfigError, match="there is no profile quik"):
        home.resolve(env={"FLASHLIVE_PROFILE": "quik"})


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"FLASHLIVE_SPEED": "fast"}, "environment FLASHLIVE_SPEED: expected a valid number, got 'fast'"),
        (
            {"FLASHLIVE_SILENCE_MS": "-1"},
            "environment FLASHLIVE_SILENCE_MS: expected greater than or equal to 0, got '-1'",
        ),
        (
            {"FLASHLIVE_SILENCE_MS": "600.5"},
            "environment FLASHLIVE_SILENCE_MS: expected a valid integer, got '600.5'",
        ),
        ({"FLASHLIVE_MAX_COST": "1e999"}, "environment FLASHLIVE_MAX_COST: expected a finite number, got '1e999'"),
        (
            {"FLASHLIVE_ECHO": "Off"},
            "environment FLASHLIVE_ECHO: expected 'auto', 'cancel', 'half' or 'off', got 'Off'",
        ),
        ({"FLASHLIVE_SEARCH": "maybe"}, "environment FLASHLIVE_SEARCH: expected a valid boolean, got 'maybe'"),
        (
            {"FLASHLIVE_VOISE": "Puck"},
            "environment FLASHLIVE_VOISE: no such setting; did you mean FLASHLIVE_VOICE?",
        ),
        (
            {"FLASHLIVE_PRICES": '{"gemini-3.8-live": {"text_in": 1}}'},
            "environment FLASHLIVE_PRICES: is not read: prices go into a settings file",
        ),
        (
            {"FLASHLIVE_PROFILES": "quick"},
            "environment FLASHLIVE_PROFILES: no such setting; did you mean FLASHLIVE_PROFILE?",
        ),
        (
            {"FLASHLIVE_API_KEY": "secret"},
            "environment FLASHLIVE_API_KEY: is not read: put it into the environment variable GEMINI_API_KEY",
        ),
    ],
)
def test_a_wrong_variable_is_named(home, env, words) -> None:
    with pytest.raises(ConfigError) as wrong:
        home.resolve(env=env)
    assert str(wrong.value) == words


def test_variables_that_resemble_no_setting_are_left_alone(home) -> None:
    assert home.resolve(env={"FLASHLIVE_CI_RUNNER": "x", "VOICE": "y", "FLASHLIVE_": "z"}).config == Config()


def test_a_wrong_flag_is_named(home) -> None:
    with pytest.raises(ConfigError) as wrong:
        home.resolve({"silence_ms": 20_000})
    assert str(wrong.value) == "flag --silence-ms: expected less than or equal to 10000, got 20000"


EXAMPLE = Path(__file__).parents[1] / "config.example.toml"


def test_the_example_file_is_what_the_program_renders() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == example_toml()


def test_the_example_file_loads_as_it_is_and_with_every_key_uncommented(home) -> None:
    home.project_file.write_text(example_toml())
    assert home.resolve().config == Config()

    uncommented = re.sub(r"^#(?! )", "", example_toml(), flags=re.MULTILINE)
    home.project_file.write_text(uncommented)
    resolved = home.resolve(profile="quick")
    assert set(tomllib.loads(uncommented)) == {*SETTINGS, "profile"}
    assert "default" not in resolved.sources.values()
    assert resolved.config.thinking == "minimal"


def test_every_setting_is_described() -> None:
    assert all(setting.description for setting in SETTINGS.values())


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        Config().voice = "Kore"  # type: ignore[misc]


def test_the_users_file_is_in_the_folder_of_the_platform(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    assert user_config_file().name == "config.toml"
    assert user_config_file().parent.name == "flashlive"


def one_line(error: ConfigError) -> None:
    assert "\n" not in str(error)


def config_or_error(octets: bytes) -> None:
    """Read a file of `octets`; anything but a Config or a one-line ConfigError is a failure."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.toml"
        file.write_bytes(octets)
        try:
            resolve({}, env={}, cwd=Path(folder), user_file=file)
        except ConfigError as exc:
            one_line(exc)


@given(st.text() | st.text("[]{}=.,'\"\\\n#_-+eExnift0123456789:TZ voice"))
def test_any_text_is_a_config_or_a_config_error(text) -> None:
    config_or_error(text.encode("utf-8", "surrogatepass"))


@given(st.binary())
def test_any_bytes_are_a_config_or_a_config_error(octets) -> None:
    config_or_error(octets)


values = st.one_of(
    st.integers().map(str),
    st.floats().map(repr),
    st.text().map(lambda text: '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'),
    st.datetimes().map(lambda when: when.isoformat()),
    st.sampled_from(["true", "false", "[]", "{}", "['@a', \"~/\\u0000\"]", "'@'", "'high'", "0xffffffffffffffffffff"]),
)
keys = st.sampled_from([*SETTINGS, "profile", "voise", "api_key", "'a b'", "text_in", "text_in.b"])


@given(
    st.dictionaries(keys, values),
    st.sampled_from(["", "[profile.quick]", "[profile]", "[tools]", "[prices]", "[prices.mine]"]),
)
def test_any_value_of_any_key_is_a_config_or_a_config_error(table, header) -> None:
    config_or_error("\n".join([header, *(f"{key} = {value}" for key, value in table.items())]).encode())


@given(st.dictionaries(st.sampled_from([f"FLASHLIVE_{key.upper()}" for key in SETTINGS]), st.text()))
def test_any_environment_is_a_config_or_a_config_error(env) -> None:
    nowhere = Path("/nowhere")
    try:
        resolve({}, env=env, cwd=nowhere, user_file=nowhere)
    except ConfigError as exc:
        one_line(exc)


def test_prices_are_set_by_the_names_that_the_bill_knows() -> None:
    """Rooms that must not see each other: only here they meet."""
    from dataclasses import fields

    from flashlive_cli.config.settings import PRICE_KEYS
    from flashlive_cli.protocol.prices import Price

    assert set(PRICE_KEYS) == {field.name for field in fields(Price)}

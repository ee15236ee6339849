"""Reading a scenario: whatever is wrong is one line with the file, the line and the nearest right name."""

import re
from pathlib import Path

import pytest

from flashlive_cli.errors import ConfigError, FileError, Mistakes
from flashlive_cli.scenario.reading import read_scenario, read_scenarios, read_script_file

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def write(tmp_path):
    def write(text, name="s.toml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


TURN = '[[turn]]\ntext = "Hi"\n'
EXPECT = TURN + "[turn.expect]\n"

WRONG = {
    "top key": ('nam = "x"\n' + TURN, 1, "unknown key `nam`; did you mean `name`?"),
    "turn key": (TURN + 'txt = "x"\n', 3, "unknown key `txt` in [turn]; did you mean `text`?"),
    "expect key": (EXPECT + "\nrepl = 'x'\n", 5, "unknown key `repl` in [turn.expect]; did you mean `reply`?"),
    "whole key": (TURN + "[expect]\nmove = 1", 4, "unknown key `move` in [expect]; did you mean `moves`?"),
    "call key": (
        EXPECT + 'calls = [\n  { name = "f" },\n  { nam = "g" },\n]',
        6,
        "unknown key `nam` in [turn.expect.calls]; did you mean `name`?",
    ),
    "missing": (EXPECT + "calls = [\n{ args = {} },\n]", 5, "`name` is missing in [turn.expect.calls]"),
    "stub key": (
        TURN + "[tools.stubs.f]\nreturn = 1",
        4,
        "unknown key `return` in [tools.stubs.f]; did you mean `returns`?",
    ),
    "sim key": (TURN + "[turn.sim]\nrepley = 'x'", 3, "unknown key `repley` in [turn.sim]; did you mean `reply`?"),
    "event": (
        TURN + TURN + 'after = { event = "reply.first" }',
        5,
        "`event` cannot be 'reply.first'; did you mean `reply.first_sample`?",
    ),
    "thinking": ("[model]\nthinking = 'hihg'\n" + TURN, 2, "`thinking` cannot be 'hihg'; did you mean `high`?"),
    "voice": ("voice = 'Pukc'\n" + TURN, 1, "voice.name: there is no voice 'Pukc'; the nearest is Puck"),
    "matrix voice": ("[matrix]\nvoice = [\n'Puck',\n'Korre']\n" + TURN, 4, "the nearest is Kore"),
    "model": ("model = 'a b'\n" + TURN, 1, "model.id: 'a b' is no model name"),
    "fault": ("\nfaults = ['drop-100']\n" + TURN, 2, "there is no fault 'drop-100'; did you mean `drop-1006`?"),
    "turn fault": (TURN + "[turn.sim]\nfaults = ['goaway-early@3']", 3, "happens in its turn"),
    "pattern": (EXPECT + "reply = '('", 4, "turn.expect.reply: no regular expression: missing )"),
    "pattern too large": (
        EXPECT + "reply = 'x{99999999999}'",
        4,
        "no regular expression: the repetition number is too",
    ),
    "pattern too deep": (EXPECT + f"reply = '{'(' * 5000}'", 4, "turn.expect.reply: no regular expression: "),
    "pattern too long": (EXPECT + f"reply = 'x{{{'9' * 5000}}}'", 4, "turn.expect.reply: no regular expression: "),
    "answer too long": (
        TURN + f"sim.calls = [{{name = 'f', answer = 'x{{{'9' * 5000}}}'}}]",
        3,
        "no regular expression",
    ),
    "text": ("name = 3\n" + TURN, 1, "`name` must be text"),
    "number": (TURN + "[expect]\nmax_cost = 'x'", 4, "`max_cost` must be a number"),
    "whole number": (EXPECT + "flushed_within_ms = 1.5", 4, "`flushed_within_ms` must be a whole number"),
    "truth": (EXPECT + "interrupted = 1", 4, "`interrupted` must be true or false"),
    "list": ("tags = 'x'\n" + TURN, 1, "`tags` must be a list"),
    "table": ("noise = 'white'\n" + TURN, 1, "`noise` must be a table"),
    "turns": ("turn = 3", 1, "`turn` must be written as [[turn]] tables"),
    "one turn": ("[turn]\ntext = 'x'", 1, "`turn` must be written as [[turn]] tables"),
    "too little": (TURN + "[expect]\nmoves = -1", 4, "`moves` must be greater than or equal to 0"),
    "empty": ("[[turn]]\ntext = ''", 2, "`text` must not be empty"),
    "empty matrix": ("[matrix]\nvoice = []\n" + TURN, 2, "`voice` must not be empty"),
    "voice twice": (
        "[matrix]\nvoice = ['Puck', 'Kore', 'puck']\n" + TURN,
        2,
        "matrix.voice: Puck is there twice; --repeat",
    ),
    "model twice": (
        "[matrix]\nmodel = ['gemini-3.8-live', 'models/gemini-3.8-live']\n" + TURN,
        2,
        "matrix.model: gemini-3.8-live is there twice",
    ),
    "noise twice": (
        "[matrix]\nnoise = ['none', { kind = 'pink', snr_db = 5 }, { snr_db = 5.0, kind = 'pink' }]\n" + TURN,
        2,
        "matrix.noise: pink at 5 dB is there twice",
    ),
    "no noise twice": ("[matrix]\nnoise = ['none', 'none']\n" + TURN, 2, "matrix.noise: none is there twice"),
    "matrix noise": ("[matrix]\nnoise = [\n'nine']\n" + TURN, 3, 'each of `noise` must be "none", or a table'),
    "silent turn": (TURN + "[[turn]]\n[turn.expect]\nreply = 'x'", 3, "this turn says nothing: give it say, say_text"),
    "two of a kind": (TURN + "say_text = 'x'", 1, "turn: say_text and text exclude each other"),
    "say": ("[[turn]]\n\nsay = 'none.wav'", 3, "there is no file "),
    "noise file": (TURN + "[noise]\nsnr_db = 3\nfile = 'none.wav'", 5, "there is no file "),
    "matrix file": ("[matrix]\nnoise = ['none',\n{ file = 'no.wav', snr_db = 3 }]\n" + TURN, 3, "there is no file "),
    "voice_wav": (TURN + "[turn.sim]\nvoice_wav = 'none.wav'", 4, "there is no file "),
    "tools": ("tools = 'none.py'\n" + TURN, 1, "there is no file "),
    "tools file": ("tools = [\n'a.py',\n'none.py']\n" + TURN, 3, "there is no file "),
    "tools.files": ("[tools]\nfiles = [\n'a.py',\n'none.py']\n" + TURN, 4, "there is no file "),
    "system": ("\nsystem = '@none.txt'\n" + TURN, 2, "there is no file "),
    "the home of nobody": ("[[turn]]\nsay = '~nobody-here/a.wav'", 2, "there is no file "),
    "a null in a name": ('[[turn]]\nsay = "a\\u0000.wav"', 2, "there is no file "),
    "a name too long": ("[[turn]]\nsay = '" + "a" * 300 + "'", 2, "there is no file "),
    "system at nobody's": ("system = '@~nobody-here/x'\n" + TURN, 1, "there is no file "),
    "include too long": ("include = '" + "a" * 300 + "'\n" + TURN, 1, "there is no file "),
    "include": ("include = [\n'a.toml',\n'none.toml']\n" + TURN, 3, "there is no file "),
    "include of another type": ("\ninclude = 3\n" + TURN, 2, "`include` must be a file name or a list of them"),
    "toml": ("name = 'x'\nx = \n", 2, "not TOML: Invalid value"),
    "end of toml": ("name = 'x'\nx = [", 2, "not TOML: "),
}


@pytest.mark.parametrize(("text", "line", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_in_one_line_with_its_place(write, text, line, words):
    write("", "a.py")
    write(TURN, "a.toml")
    path = write(text)
    with pytest.raises((ConfigError, FileError)) as caught:
        read_scenario(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: {words}" if words.startswith(("`", "un")) else f"{path}:{line}: ")
    assert words in message
    assert "\n" not in message


def test_all_that_is_wrong_with_a_file_is_told_in_the_order_of_its_lines(write):
    path = write("""
tags = "x"
system = "@none.txt"
faults = ["drop-100"]
[matrix]
noise = ["nine", { kind = "white", snr_db = "x" }]
[[turn]]
txt = "Hi"
[turn.expect]
reply = "("
heard = "["
[[turn]]
say = "none.wav"
sim = { repley = "x" }
[[turn]]
text = "Hi"
sim = { reply = "{result}" }
[[turn]]
""")
    with pytest.raises(Mistakes) as caught:
        read_scenario(path)

    told = [line.removeprefix(f"{path}:").partition(": ") for line in caught.value.lines]
    assert [(int(line), what[:20]) for line, _, what in told] == [
        (2, "`tags` must be a lis"),
        (3, "there is no file " + str(path)[:3]),
        (4, "there is no fault 'd"),
        (6, "each of `noise` must"),
        (8, "unknown key `txt` in"),
        (10, "turn.expect.reply: n"),
        (11, "turn.expect.heard: n"),
        (13, "there is no file " + str(path)[:3]),
        (14, "unknown key `repley`"),
        (17, "{result} in `reply` "),
        (18, "this turn says nothi"),
    ]
    assert str(caught.value) == "\n".join(caught.value.lines)


def test_what_only_follows_from_another_mistake_is_not_told(write):
    """A turn with a slip in `text` does not say nothing; a list of faults that is none is told once."""
    path = write("faults = 3\n[[turn]]\ntxt = 'Hi'\n[[turn]]\nimage = ''\ntext = 'x'")
    with pytest.raises(Mistakes) as caught:
        read_scenario(path)
    assert [line.split(": ")[0] for line in caught.value.lines] == [f"{path}:{number}" for number in (1, 3, 5)]


def test_all_files_are_read_and_each_mistake_is_told_once(write):
    write("nam = 1\nnick = 2\n" + TURN, "common.toml")
    bad = [
        write("include = ['common.toml', 'none.toml']\n" + TURN + "foo = 1", "b.toml"),
        write("include = 'common.toml'", "c.toml"),
        write("x = ", "a.toml"),
        write("", "d.toml"),
    ]
    with pytest.raises(Mistakes) as caught:
        read_scenarios([*bad, write(TURN)])
    beside = bad[0].parent
    assert [line.removeprefix(f"{beside}/").split(" ")[0] for line in caught.value.lines] == [
        "a.toml:1:", "b.toml:1:", "b.toml:4:", "common.toml:1:", "common.toml:2:", "d.toml:",
    ]  # fmt: skip


def test_lines_are_in_the_order_of_their_numbers(write):
    path = write("\n".join(f"k{number} = 1" for number in range(12)) + "\n" + TURN)
    with pytest.raises(Mistakes) as caught:
        read_scenario(path)
    assert [line.split(":")[1] for line in caught.value.lines] == [str(number) for number in range(1, 13)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"\xff", "is not UTF-8 text"),
        (b"x = " + b"9" * 5000, "is beyond reading"),
        (b"x = " + b"[" * 100_000, "is beyond reading"),
        (b"name = 'x'", "there is no [[turn]] in it"),
    ],
)
def test_what_has_no_line_names_the_file(write, text, words):
    path = write(text)
    with pytest.raises((ConfigError, FileError), match=re.escape(f"{path}: {words}")):
        read_scenario(path)


def test_a_file_that_is_not_there_and_a_folder_are_told(tmp_path):
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(FileError, match=re.escape(f"{path}: ")):
            read_scenario(path)


def test_a_name_that_would_move_the_cursor_is_told_without_doing_so(write):
    path = write('"na\\u001b[2Jme" = 1')
    with pytest.raises(ConfigError) as caught:
        read_scenario(path)
    assert "\x1b" not in str(caught.value)


def test_lines_are_right_with_carriage_returns_and_a_byte_order_mark(write):
    path = write(b"\xef\xbb\xbf" + (EXPECT + "repl = 'x'").replace("\n", "\r\n").encode())
    with pytest.raises(ConfigError, match=r"s\.toml:4: unknown key `repl`"):
        read_scenario(path)

    written = read_scenario(write(b"\xef\xbb\xbf" + TURN.replace("\n", "\r\n").encode()))
    assert written.scenario.turn[0].text == "Hi"


def test_paths_are_meant_beside_the_file_that_names_them(write, tmp_path, monkeypatch):
    write("", "lib/tools.py")
    write("Be brief.", "lib/system.txt")
    write(b"", "lib/hum.wav")
    (tmp_path / "lib" / "say.wav").write_bytes((EXAMPLES / "where-is-my-order.wav").read_bytes())
    write(
        "tools = 'tools.py'\nsystem = '@system.txt'\nnoise = { file = 'hum.wav', snr_db = 3 }\n"
        "[[turn]]\nsay = 'say.wav'\nnoise = { file = 'hum.wav', snr_db = 1 }\nsim = { voice_wav = 'say.wav' }",
        "lib/common.toml",
    )
    write("include = '../lib/common.toml'", "tests/s.toml")
    monkeypatch.chdir(tmp_path / "tests")

    written = read_scenario(Path("s.toml"))

    lib = tmp_path.resolve() / "lib"
    scenario = written.scenario
    assert scenario.tools.files == [str(lib / "tools.py")]
    assert scenario.system == f"@{lib / 'system.txt'}"
    assert scenario.noise is not None
    assert scenario.noise.file == str(lib / "hum.wav")
    (turn,) = scenario.turn
    assert turn.say == str(lib / "say.wav")
    assert turn.noise is not None
    assert turn.noise.file == str(lib / "hum.wav")
    assert written.script().turns[0].recording is not None


def test_arguments_named_as_files_are_no_paths(write):
    written = read_scenario(write(EXPECT + "calls = [{ name = 'open', args = { file = 'a.txt', say = 'b' } }]"))
    calls = written.scenario.turn[0].expect.calls
    assert calls is not None
    assert calls[0].args == {"file": "a.txt", "say": "b"}


def test_what_is_included_comes_first_and_what_is_said_here_holds(write):
    write("name = 'a'\ntags = ['a']\nsystem = 'A'\nvoice = 'Puck'\nmodel = { temperature = 1 }\n" + TURN, "a.toml")
    write("system = 'B'\n[[turn]]\ntext = 'Ho'\n", "b.toml")
    path = write(
        "include = ['a.toml', 'b.toml']\ntags = ['s']\nvoice = { language = 'German' }\n[[turn]]\ntext = '!'\n"
    )

    written = read_scenario(path)

    scenario = written.scenario
    assert [turn.text for turn in scenario.turn] == ["Hi", "Ho", "!"]
    assert written.name == "s", "a name is not included"
    assert (scenario.system, scenario.tags) == ("B", ["s"])
    assert (scenario.voice.name, scenario.voice.language) == ("Puck", "German")
    assert scenario.model.temperature == 1


def test_a_turn_may_come_after_something_of_an_included_turn(write):
    write(TURN, "a.toml")
    rest = "[[turn]]\ntext = 'Ho'\nafter = { event = 'tool.called' }"
    assert len(read_scenario(write("include = 'a.toml'\n" + rest)).scenario.turn) == 2

    write("name = 'a'", "a.toml")
    for text in (rest, "include = 'a.toml'\n" + rest):
        with pytest.raises(ConfigError, match="the first turn comes after nothing"):
            read_scenario(write(text))


def test_files_that_include_each_other_are_told(write, tmp_path):
    write("include = 'b.toml'", "a.toml")
    write("include = 'sub/../a.toml'", "b.toml")
    (tmp_path / "sub").mkdir()
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path}/sub/../a.toml: include goes round in a circle")):
        read_scenario(tmp_path / "a.toml")

    path = write("include = 's.toml'")
    with pytest.raises(ConfigError, match="circle"):
        read_scenario(path)


def test_the_same_file_may_be_included_twice(write):
    write(TURN, "a.toml")
    assert len(read_scenario(write("include = ['a.toml', 'a.toml']")).scenario.turn) == 2


def test_what_is_wrong_in_an_included_file_names_that_file(write, tmp_path):
    write("nam = 1", "a.toml")
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path / 'a.toml'}:1: unknown key `nam`")):
        read_scenario(write("include = 'a.toml'\n" + TURN))


def test_what_is_wrong_only_together_is_told(write):
    write("[tools.stubs.f]\nreturns = 1", "a.toml")
    path = write("include = 'a.toml'\n[tools.stubs.f]\nerror = 'x'\n" + TURN)
    with pytest.raises(ConfigError, match=re.escape(f"{path}: tools.stubs.f: expected one of returns")):
        read_scenario(path)


def test_the_simulator_takes_turns_that_say_nothing(write):
    written = read_script_file(write("[[turn]]\n[turn.sim]\nreply = 'x'"))
    assert written.script().turns[0].reply == "x"


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        (TURN, True),
        (EXPECT + "any_order = false", True),
        (TURN + "[expect]", True),
        (TURN + TURN, True),
        (EXPECT + "interrupted = false", False),
        (EXPECT + "reply = 'x'", False),
        (EXPECT + "calls = []", False),
        (TURN + "[expect]\nmoves = 0", False),
        (TURN + "[[turn]]\ntext = 'Ho'\nafter = { event = 'reply.started' }", False),
    ],
)
def test_a_scenario_that_expects_nothing_is_known(write, text, nothing):
    assert read_scenario(write(text)).scenario.checks_nothing is nothing


def test_what_an_included_file_expects_is_expected(write):
    write("[expect]\nno_warnings = true", "a.toml")
    assert not read_scenario(write("include = 'a.toml'\n" + TURN)).scenario.checks_nothing

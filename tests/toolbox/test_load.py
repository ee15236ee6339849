"""Which functions of a file become tools, and what is said about a file that does not load."""

import json
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from flashlive_cli.errors import ToolError
from flashlive_cli.toolbox import MAX_DECLARATIONS, load_tools


def names(*paths: Path) -> list[str]:
    return [declaration.name for declaration in load_tools(*paths).declarations]


def file(tmp_path: Path, text: str, name: str = "tools.py") -> Path:
    path = tmp_path / name
    path.write_text(dedent(text))
    return path


def test_public_functions_defined_in_the_file_are_tools_in_their_order(tmp_path) -> None:
    path = file(
        tmp_path,
        """
        import functools
        from json import dumps
        class Model: ...
        instance = Model()
        def second(): ...
        async def first(): ...
        def _private(): ...
        short = lambda: 1
        alias = second
        public = _private
        @functools.cache
        def cached(): ...
        def logged(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs): return function(*args, **kwargs)
            return wrapper
        del logged
        third = functools.partial(second)
        """,
    )

    assert names(path) == ["second", "first", "public", "cached"]


async def test_a_decorator_with_wraps_is_seen_through(tmp_path) -> None:
    path = file(
        tmp_path,
        """
        import functools
        def _logged(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs): return ["logged", function(*args, **kwargs)]
            return wrapper
        @_logged
        def tool(x: int):
            "Do it."
            return x
        @_logged
        async def later(x: int): return x
        """,
    )

    box = load_tools(path)
    assert box.declarations[0].description == "Do it."
    assert await box.call("tool", {"x": "3"}) == {"output": ["logged", 3]}


def test_all_is_respected(tmp_path) -> None:
    path = file(
        tmp_path,
        """
        from textwrap import dedent
        __all__ = ["_b", "dedent", "CONSTANT"]
        CONSTANT = 1
        def a(): ...
        def _b(): ...
        def dedent(text: str): ...
        """,
    )

    assert names(path) == ["_b", "dedent"]


async def test_a_file_may_import_its_neighbours_and_leaves_no_trace_on_the_path(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = list(sys.path)
    file(tmp_path, "def answer(): return 42", "flashlive_neighbour.py")
    path = file(tmp_path, "from flashlive_neighbour import answer\ndef tool(): return [answer(), __name__, __file__]")

    try:
        output = (await load_tools(path).call("tool", {}))["output"]
    finally:
        sys.modules.pop("flashlive_neighbour", None)
    assert isinstance(output, list)
    assert output[0] == 42
    assert output[1] != "__main__"
    assert output[2] == str(path)
    assert sys.path == before
    assert not list(tmp_path.glob("__pycache__"))


def test_a_file_edited_within_a_second_is_loaded_as_it_is_now(tmp_path) -> None:
    assert names(file(tmp_path, "def a(): ...")) == ["a"]
    assert names(file(tmp_path, "def b(): ...")) == ["b"]


def test_prints_of_the_import_go_to_stderr(tmp_path, capsys) -> None:
    load_tools(file(tmp_path, "print('loading')\ndef tool(): ..."))

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "loading\n"


def test_several_files_make_one_toolbox(tmp_path) -> None:
    one, two = file(tmp_path, "def a(): ...", "one.py"), file(tmp_path, "def b(): ...", "two.txt")

    assert names(one, two) == ["a", "b"]


def test_the_same_name_in_two_files_is_refused_with_both_places(tmp_path) -> None:
    one, two = file(tmp_path, "def a(): ...", "one.py"), file(tmp_path, "\ndef a(): ...", "two.py")

    with pytest.raises(ToolError) as refused:
        load_tools(one, two)
    assert str(refused.value) == f"{two}:2: a tool a exists already, in {one}:1"


def test_more_functions_than_the_service_takes_are_refused(tmp_path) -> None:
    path = file(tmp_path, "\n".join(f"def f{i}(): ..." for i in range(MAX_DECLARATIONS + 1)))

    with pytest.raises(ToolError, match=r"513 tools are more than the 512"):
        load_tools(path)


BROKEN = {
    "syntax": ("x = 1\ndef tool(:\n", ":2: SyntaxError: "),
    "indentation": ("def tool():\npass\n", ":2: IndentationError: "),
    "zero byte": ("x = '\0'", "source code string cannot contain null bytes"),
    "not utf-8": (b"x = '\xff'", "SyntaxError: (unicode error)"),
    "brackets": ("(" * 300, "too many nested parentheses"),
    "missing module": ("\nimport flashlive_nowhere\n", "ModuleNotFoundError: No module named 'flashlive_nowhere' (is"),
    "import": ("from json import nowhere", ":1: ImportError: cannot import name 'nowhere'"),
    "raises": ("def _f():\n    1 / 0\n_f()\n", ":2: ZeroDivisionError: division by zero"),
    "raises in a library": ("import json\njson.loads('{')\n", ":2: JSONDecodeError: "),
    "several lines": ("raise ValueError('a\\nb\\x1b[0m')", ":1: ValueError: a b\\x1b[0m"),
    "no words": ("raise ValueError", ":1: ValueError"),
    "exits": ("import sys\nsys.exit(3)", ":2: SystemExit: 3"),
    "no tools": ("x = 1\nimport json\n", ": no tools in it"),
    "missing in all": ("__all__ = ['a']", ": __all__ names a, which is not there"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "words"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_one_line_with_file_and_line(tmp_path, source, words) -> None:
    path = tmp_path / "tools.py"
    path.write_bytes(source if isinstance(source, bytes) else source.encode())

    with pytest.raises(ToolError) as broken:
        load_tools(path)
    message = str(broken.value)
    assert message.startswith(str(path))
    assert words in message
    assert "\n" not in message
    assert "\x1b" not in message


def test_a_file_that_fails_to_load_leaves_no_module_behind(tmp_path) -> None:
    before = set(sys.modules)

    with pytest.raises(ToolError):
        load_tools(file(tmp_path, "1 / 0"))
    assert set(sys.modules) == before


def test_ctrl_c_while_a_file_loads_is_the_users(tmp_path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_tools(file(tmp_path, "raise KeyboardInterrupt"))


def test_a_missing_file_a_folder_and_an_unreadable_name_are_told(tmp_path) -> None:
    with pytest.raises(ToolError, match=r"nowhere\.py: no such file"):
        load_tools(tmp_path / "nowhere.py")
    with pytest.raises(ToolError, match=r"is a folder"):
        load_tools(tmp_path)
    with pytest.raises(ToolError, match=r"name too long"):
        load_tools(tmp_path / ("x" * 300))
    (tmp_path / "file").touch()
    with pytest.raises(ToolError, match=r"Not a directory"):
        load_tools(tmp_path / "file" / "tools.py")


EXAMPLE = Path(__file__).parents[2] / "examples" / "tools.py"


@pytest.mark.parametrize(
    ("name", "args", "told"),
    [
        ("check_order_status", {"order_id": "A-1001"}, "Thursday"),
        ("check_order_status", {"order_id": "a 1001"}, "shipped"),
        ("check_order_status", {"order_id": "Z-9"}, "no order Z-9"),
        ("check_order_status", {"order_id": ""}, "no order"),
        ("book_appointment", {"day": "2026-11-30", "service": "repair"}, "Monday, 30 November 2026, morning"),
        ("book_appointment", {"day": "soon", "service": "repair"}, "bad arguments: day: Input should be a valid date"),
        ("book_appointment", {"day": "2026-11-30", "service": "magic"}, "'repair', 'consultation' or 'pickup'"),
        ("refund_order", {"order_id": "a1001", "reason": "late"}, '"refunded_eur": 24.9'),
        ("refund_order", {"order_id": "A-1002", "reason": "late", "percent": 50}, '"refunded_eur": 64.5'),
        ("refund_order", {"order_id": "A-1002", "reason": "late", "percent": 500}, "bad arguments: percent"),
        ("refund_order", {"order_id": "Z-9", "reason": "late"}, "nothing to pay back for order Z-9"),
        ("get_weather", {"city": "London"}, "cloudy"),
        ("get_weather", {"city": "Atlantis"}, "no report"),
    ],
)
async def test_the_example_serves_customers(name, args, told) -> None:
    answer = await load_tools(EXAMPLE).call(name, args)

    assert told in json.dumps(answer)


def test_the_example_asks_before_it_pays() -> None:
    assert [tool.declaration.name for tool in load_tools(EXAMPLE).tools if tool.options.confirm] == ["refund_order"]


def test_every_parameter_of_the_example_is_described() -> None:
    for declaration in load_tools(EXAMPLE).declarations:
        assert declaration.description
        assert declaration.parameters
        assert all("description" in schema for schema in declaration.parameters["properties"].values())

"""What a function's hints and docstring tell the model, and what they let it send."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flashlive_cli.errors import ToolError
from flashlive_cli.protocol.codec import encode
from flashlive_cli.protocol.commands import FunctionDeclaration, Setup
from flashlive_cli.sim.grammar import BETA_MESSAGE
from flashlive_cli.sim.schema import Refusal, parse_json
from flashlive_cli.sim.setup import judge_setup
from flashlive_cli.toolbox import Declaration, declare

PREAMBLE = """\
import asyncio, dataclasses, datetime, decimal, enum, pathlib, sys, threading, time, uuid
from typing import *
from pydantic import BaseModel, Field
from typing_extensions import TypedDict
"""

TYPES = """
class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"

class Line(BaseModel):
    "One line of an order."
    sku: str = Field(pattern="^[A-Z]+$")
    n: int = 1

class Order(BaseModel):
    lines: list[Line]
    note: str | None = None

class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int

class Dog(BaseModel):
    kind: Literal["dog"]

@dataclasses.dataclass
class Point:
    x: float
    y: float = 0

class Row(TypedDict, total=False):
    a: Required[int]
    b: str

class Whole(TypedDict):
    a: int
    b: NotRequired[str]

class Volume(enum.IntEnum):
    "How loud."
    LOW = 1
    HIGH = 2

class Ratio(enum.Enum):
    HALF = 0.5
    ONE = "one"

class Place(NamedTuple):
    x: float
    label: str = "here"

class Strict(BaseModel, strict=True):
    day: datetime.date

Id = NewType("Id", int)
"""

LINE = {
    "type": "OBJECT",
    "properties": {"sku": {"type": "STRING", "pattern": "^[A-Z]+$"}, "n": {"type": "INTEGER", "default": 1}},
    "required": ["sku"],
    "description": "One line of an order.",
}

# hint, what the model is told, an argument that fits (and what the function gets), one that does not
KINDS: list[tuple[str, dict[str, Any], Any, str, Any]] = [
    ("str", {"type": "STRING"}, "a", "'a'", 3),
    ("int", {"type": "INTEGER"}, 3.0, "3", 3.5),
    ("float", {"type": "NUMBER"}, 3, "3.0", "x"),
    ("bool", {"type": "BOOLEAN"}, True, "True", "maybe"),
    ("Id", {"type": "INTEGER"}, 3, "3", "x"),
    ("None", {"type": "NULL"}, None, "None", 3),
    ("str | None", {"type": "STRING", "nullable": True}, None, "None", 3),
    ("Optional[int]", {"type": "INTEGER", "nullable": True}, 3, "3", "x"),
    ("int | str", {"anyOf": [{"type": "INTEGER"}, {"type": "STRING"}]}, "a", "'a'", []),
    (
        "int | bool | None",
        {"anyOf": [{"type": "INTEGER"}, {"type": "BOOLEAN"}], "nullable": True},
        None,
        "None",
        "x",
    ),
    ("Literal['a', 'b']", {"type": "STRING", "enum": ["a", "b"]}, "a", "'a'", "c"),
    ("Literal['a']", {"type": "STRING", "enum": ["a"]}, "a", "'a'", "c"),
    ("Literal['a', None]", {"type": "STRING", "enum": ["a"], "nullable": True}, None, "None", "c"),
    ("Size", {"type": "STRING", "enum": ["s", "l"]}, "s", "<Size.SMALL: 's'>", "m"),
    (
        "Volume",
        {"type": "INTEGER", "description": "How loud. One of 1 (LOW), 2 (HIGH)."},
        2.0,
        "<Volume.HIGH: 2>",
        3,
    ),
    (
        "Ratio",
        {
            "anyOf": [
                {"type": "NUMBER", "description": "Always 0.5 (HALF)."},
                {"type": "STRING", "enum": ["one"]},
            ]
        },
        0.5,
        "<Ratio.HALF: 0.5>",
        1,
    ),
    ("Literal[1, 2]", {"type": "INTEGER", "description": "One of 1, 2."}, 2, "2", 3),
    ("Literal[True]", {"type": "BOOLEAN", "description": "Always true."}, True, "True", False),
    (
        "Literal['a', 1, None]",
        {
            "anyOf": [{"type": "STRING", "enum": ["a"]}, {"type": "INTEGER", "description": "Always 1."}],
            "nullable": True,
        },
        1,
        "1",
        "1",
    ),
    ("list[str]", {"type": "ARRAY", "items": {"type": "STRING"}}, ["a"], "['a']", ["a", 1]),
    (
        "set[int]",
        {"type": "ARRAY", "items": {"type": "INTEGER"}, "description": "No item twice."},
        [1, 1],
        "{1}",
        ["x"],
    ),
    ("tuple[int, ...]", {"type": "ARRAY", "items": {"type": "INTEGER"}}, [1, 2], "(1, 2)", ["x"]),
    (
        "tuple[float, float]",
        {"type": "ARRAY", "items": {"type": "NUMBER"}, "minItems": 2, "maxItems": 2},
        [1, 2],
        "(1.0, 2.0)",
        [1],
    ),
    ("dict", {"type": "OBJECT"}, {"a": 1}, "{'a': 1}", []),
    ("dict[str, Any]", {"type": "OBJECT"}, {"a": 1}, "{'a': 1}", []),
    (
        "dict[str, int]",
        {"type": "OBJECT", "description": "Any keys; every value is INTEGER."},
        {"a": 1},
        "{'a': 1}",
        {"a": "x"},
    ),
    (
        "dict[str, list[int]]",
        {
            "type": "OBJECT",
            "description": 'Any keys; every value is {"type": "ARRAY", "items": {"type": "INTEGER"}}.',
        },
        {"a": [1]},
        "{'a': [1]}",
        {"a": 1},
    ),
    (
        "dict[Size, int]",
        {"type": "OBJECT", "description": "Keys are among s, l; every value is INTEGER."},
        {"s": 1},
        "{<Size.SMALL: 's'>: 1}",
        {"m": 1},
    ),
    (
        "dict[Annotated[str, Field(max_length=2)], int]",
        {"type": "OBJECT", "description": "Keys are text (maxLength 2); every value is INTEGER."},
        {"ab": 1},
        "{'ab': 1}",
        {"abc": 1},
    ),
    (
        "Place",
        {
            "type": "OBJECT",
            "properties": {"x": {"type": "NUMBER"}, "label": {"type": "STRING", "default": "here"}},
            "required": ["x"],
        },
        {"x": 1},
        "Place(x=1.0, label='here')",
        {"label": "there"},
    ),
    ("Line", LINE, {"sku": "AB"}, "Line(sku='AB', n=1)", {"sku": "ab"}),
    ("Line | None", LINE | {"nullable": True}, None, "None", {}),
    (
        "Order",
        {
            "type": "OBJECT",
            "properties": {
                "lines": {"type": "ARRAY", "items": LINE},
                "note": {"type": "STRING", "nullable": True},
            },
            "required": ["lines"],
        },
        {"lines": [{"sku": "A"}]},
        "Order(lines=[Line(sku='A', n=1)], note=None)",
        {"lines": [{}]},
    ),
    (
        "Annotated[Cat | Dog, Field(discriminator='kind')]",
        {
            "anyOf": [
                {
                    "type": "OBJECT",
                    "properties": {
                        "kind": {"type": "STRING", "enum": ["cat"]},
                        "lives": {"type": "INTEGER"},
                    },
                    "required": ["kind", "lives"],
                },
                {
                    "type": "OBJECT",
                    "properties": {"kind": {"type": "STRING", "enum": ["dog"]}},
                    "required": ["kind"],
                },
            ]
        },
        {"kind": "dog"},
        "Dog(kind='dog')",
        {"kind": "cow"},
    ),
    (
        "Point",
        {
            "type": "OBJECT",
            "properties": {"x": {"type": "NUMBER"}, "y": {"type": "NUMBER", "default": 0}},
            "required": ["x"],
        },
        {"x": 1},
        "Point(x=1.0, y=0)",
        {"y": 1},
    ),
    (
        "Row",
        {
            "type": "OBJECT",
            "properties": {"a": {"type": "INTEGER"}, "b": {"type": "STRING"}},
            "required": ["a"],
        },
        {"a": 1},
        "{'a': 1}",
        {"b": "x"},
    ),
    (
        "Whole",
        {
            "type": "OBJECT",
            "properties": {"a": {"type": "INTEGER"}, "b": {"type": "STRING"}},
            "required": ["a"],
        },
        {"a": 1, "b": "x"},
        "{'a': 1, 'b': 'x'}",
        {"a": 1, "b": 2},
    ),
    (
        "list[Point | None]",
        {
            "type": "ARRAY",
            "items": {
                "type": "OBJECT",
                "properties": {"x": {"type": "NUMBER"}, "y": {"type": "NUMBER", "default": 0}},
                "required": ["x"],
                "nullable": True,
            },
        },
        [{"x": 1}, None],
        "[Point(x=1.0, y=0), None]",
        [{"y": 1}],
    ),
    (
        "Point | Volume | list[int]",
        {
            "anyOf": [
                {
                    "type": "OBJECT",
                    "properties": {"x": {"type": "NUMBER"}, "y": {"type": "NUMBER", "default": 0}},
                    "required": ["x"],
                },
                {"type": "INTEGER", "description": "How loud. One of 1 (LOW), 2 (HIGH)."},
                {"type": "ARRAY", "items": {"type": "INTEGER"}},
            ]
        },
        [1],
        "[1]",
        "loud",
    ),
    (
        "Strict",
        {
            "type": "OBJECT",
            "properties": {"day": {"type": "STRING", "description": "A date, YYYY-MM-DD."}},
            "required": ["day"],
        },
        {"day": "2026-11-22"},
        "Strict(day=datetime.date(2026, 11, 22))",
        {"day": "Sunday"},
    ),
    (
        "datetime.datetime",
        {"type": "STRING", "format": "date-time"},
        "2026-11-22T10:00:00",
        "datetime.datetime(2026, 11, 22, 10, 0)",
        "soon",
    ),
    (
        "datetime.date",
        {"type": "STRING", "description": "A date, YYYY-MM-DD."},
        "2026-11-22",
        "datetime.date(2026, 11, 22)",
        "soon",
    ),
    (
        "datetime.time",
        {"type": "STRING", "description": "A time of day, HH:MM:SS."},
        "10:30:00",
        "datetime.time(10, 30)",
        "soon",
    ),
    (
        "datetime.timedelta",
        {"type": "STRING", "description": "A duration in ISO 8601, such as PT1H30M."},
        "PT1H",
        "datetime.timedelta(seconds=3600)",
        "long",
    ),
    (
        "uuid.UUID",
        {"type": "STRING", "description": "A UUID."},
        "00000000-0000-0000-0000-000000000000",
        "UUID('00000000-0000-0000-0000-000000000000')",
        "1",
    ),
    ("pathlib.Path", {"type": "STRING"}, "a", f"{type(Path()).__name__}('a')", 1),
    ("pathlib.PurePosixPath", {"type": "STRING"}, "a", "PurePosixPath('a')", 1),
    (
        "decimal.Decimal",
        {"anyOf": [{"type": "NUMBER"}, {"type": "STRING"}]},
        "1.5",
        "Decimal('1.5')",
        "x",
    ),
    ("Annotated[int, Field(ge=1, le=5)]", {"type": "INTEGER", "minimum": 1, "maximum": 5}, 1, "1", 6),
    ("Annotated[int, Field(gt=1, lt=5)]", {"type": "INTEGER", "minimum": 2, "maximum": 4}, 2, "2", 1),
    (
        "Annotated[float, Field(gt=0, lt=9, description='Price')]",
        {"type": "NUMBER", "description": "Price. More than 0. Less than 9."},
        1,
        "1.0",
        0,
    ),
    (
        "Annotated[int, Field(multiple_of=5)]",
        {"type": "INTEGER", "description": "A multiple of 5."},
        5,
        "5",
        6,
    ),
    (
        "Annotated[str, Field(min_length=1, max_length=2, pattern='^a')]",
        {"type": "STRING", "minLength": 1, "maxLength": 2, "pattern": "^a"},
        "a",
        "'a'",
        "b",
    ),
    (
        "Annotated[list[int], Field(min_length=1, max_length=2)]",
        {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": 1, "maxItems": 2},
        [1],
        "[1]",
        [],
    ),
]

ALLOWED = frozenset(
    {"type", "format", "title", "description", "nullable", "enum", "items", "minItems", "maxItems", "properties"}
    | {"required", "propertyOrdering", "minProperties", "maxProperties", "minimum", "maximum", "minLength"}
    | {"maxLength", "pattern", "example", "default", "anyOf"}
)


def keys_of(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema
    for inner in schema.get("properties", {}).values():
        yield from keys_of(inner)
    for inner in [*schema.get("anyOf", []), *filter(None, [schema.get("items")])]:
        yield from keys_of(inner)


def refused_by_the_simulator(*declarations: Declaration) -> str:
    """Send declarations as a talk does, and read them as strictly as the service."""
    functions = tuple(FunctionDeclaration(d.name, d.description, d.parameters) for d in declarations)
    setup = Setup(model="models/gemini-3.1-flash-live-preview", functions=functions)
    try:
        judge_setup(BETA_MESSAGE.read(parse_json(encode(setup).encode()), "")["setup"], version="v1beta")
    except Refusal as refusal:
        return refusal.reason
    return ""


def test_the_simulator_would_tell() -> None:
    said = {"type": "OBJECT", "properties": {"x": {"type": "OBJECT", "additionalProperties": {"type": "STRING"}}}}

    assert "additionalProperties" in refused_by_the_simulator(Declaration("tool", "", said))


@pytest.mark.parametrize("kind", KINDS, ids=[kind[0] for kind in KINDS])
async def test_a_hint_becomes_a_schema_and_guards_the_call(load, kind) -> None:
    hint, told, fits, received, misfit = kind
    box = load(f"{TYPES}\ndef tool(x: {hint}): return repr(x)")

    (declaration,) = box.declarations
    assert declaration.parameters == {"type": "OBJECT", "properties": {"x": told}, "required": ["x"]}
    assert set(keys_of(declaration.parameters)) <= ALLOWED
    json.dumps(declaration.parameters, allow_nan=False)
    assert not refused_by_the_simulator(declaration)
    assert await box.call("tool", {"x": fits}) == {"output": received}
    refused = await box.call("tool", {"x": misfit})
    assert str(refused["error"]).startswith("bad arguments: x")
    assert "\n" not in str(refused["error"])


@pytest.mark.parametrize(
    ("parameter", "told", "received"),
    [
        ("x: int = 3", {"type": "INTEGER", "default": 3}, "3"),
        ("x: int | None = None", {"type": "INTEGER", "nullable": True}, "None"),
        ("x: str = None", {"type": "STRING", "nullable": True}, "None"),
        (
            "x: Annotated[int, Field(ge=1)] = None",
            {"type": "INTEGER", "minimum": 1, "nullable": True},
            "None",
        ),
        ("x: int = Field(3, title='N')", {"type": "INTEGER", "default": 3}, "3"),
        ("x: list[int] = Field(default_factory=list)", {"type": "ARRAY", "items": {"type": "INTEGER"}}, "[]"),
        ("*, x: int = 3", {"type": "INTEGER", "default": 3}, "3"),
        ("x: int = UNSET", {"type": "INTEGER"}, "UNSET"),
        ("x: int = Field(None)", {"type": "INTEGER", "nullable": True}, "None"),
        ("x: float = 3", {"type": "NUMBER", "default": 3}, "3"),
        ("x: float = float('inf')", {"type": "NUMBER"}, "inf"),
        ("x: Size = Size.SMALL", {"type": "STRING", "enum": ["s"], "default": "s"}, "<Size.SMALL: 's'>"),
        (
            "x: datetime.date = datetime.date(2026, 11, 22)",
            {"type": "STRING", "description": "A date, YYYY-MM-DD.", "default": "2026-11-22"},
            "datetime.date(2026, 11, 22)",
        ),
        (
            "x: Place = Place(1.5)",
            {"type": "OBJECT", "properties": {"x": {"type": "NUMBER"}}, "required": ["x"], "default": {"x": 1.5}},
            "Place(x=1.5)",
        ),
        ("x: Annotated[str, AfterValidator(_refuse)] = 'a'", {"type": "STRING", "default": "a"}, "'a'"),
        ("x: Annotated[str, AfterValidator(_crash)] = 'a'", {"type": "STRING", "default": "a"}, "'a'"),
        ("x: 'int' = 3", {"type": "INTEGER", "default": 3}, "3"),
    ],
)
async def test_defaults_are_told_and_filled_in(load, parameter, told, received) -> None:
    # a default that is no JSON is a sentinel, and the function's own business
    box = load(
        f"""
        class Unset:
            def __repr__(self): return "UNSET"
        UNSET = Unset()
        class Size(enum.Enum):
            SMALL = "s"
        class Place(NamedTuple):
            x: float
        from pydantic import AfterValidator
        def _raising(exc):
            def validator(value): raise exc
            return validator
        _refuse, _crash = _raising(ValueError("no")), _raising(OSError("no"))
        def tool({parameter}): return repr(x)
        """
    )

    (declaration,) = (declaration for declaration in box.declarations if declaration.name == "tool")
    assert declaration.parameters == {"type": "OBJECT", "properties": {"x": told}}
    assert not refused_by_the_simulator(declaration)
    assert await box.call("tool", {}) == {"output": received}


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ("x: int = 'many'", '"many": Input should be a valid integer'),
        ("x: Annotated[int, Field(ge=1)] = 0", "0: Input should be greater than or equal to 1"),
        ("x: int = Field('many')", '"many": Input should be a valid integer'),
        ("x: int = True", "true: Input should be a valid integer"),
        ("x: Literal['a'] = 'b'", "\"b\": Input should be 'a'"),
        ("x: Size = 's'", '"s": Input should be an instance of Size'),
        ("x: datetime.date = '2026-11-22'", '"2026-11-22": Input should be a valid date'),
        ("x: list[int] = ()", "[]: Input should be a valid list"),
        ("x: list[int] = ['a']", '["a"]: Input should be a valid integer'),
        ("x: Point = {'x': 1}", '{"x": 1}: Input should be'),
        ("*, x: 'int' = 'many'", '"many": Input should be a valid integer'),
    ],
)
def test_a_default_that_does_not_fit_its_hint_is_refused(load, parameter, reason) -> None:
    with pytest.raises(ToolError) as refused:
        load(f"{TYPES}\ndef tool(\n    a: str,\n    {parameter},\n): ...")

    line = len((PREAMBLE + TYPES).splitlines()) + 4
    assert f"tools.py:{line}: tool(): parameter x has a default that does not fit, {reason}" in str(refused.value)


async def test_null_for_an_argument_whose_default_is_none_is_taken(load) -> None:
    box = load("def tool(x: str = None): return repr(x)")

    assert await box.call("tool", {"x": None}) == {"output": "None"}


async def test_names_that_pydantic_uses_itself_are_fine_for_parameters(load) -> None:
    box = load("def tool(schema: int, copy: int, model_config: int, self: int, _x: int): return schema + copy")

    args = {"schema": 1, "copy": 2, "model_config": 3, "self": 4, "_x": 5}
    assert await box.call("tool", args) == {"output": 3}


async def test_a_field_may_give_a_parameter_another_name(load) -> None:
    box = load("def tool(from_: Annotated[str, Field(alias='from')]): return from_")

    assert box.declarations[0].parameters["properties"] == {"from": {"type": "STRING"}}
    assert await box.call("tool", {"from": "x"}) == {"output": "x"}


def test_a_function_without_parameters_declares_none(load) -> None:
    assert load("def tool(): return 1").declarations[0].parameters is None


def test_postponed_annotations_and_a_return_type_for_type_checkers_are_understood(tmp_path) -> None:
    from flashlive_cli.toolbox import load_tools

    path = tmp_path / "tools.py"
    path.write_text(
        "from __future__ import annotations\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from nowhere import Thing\n"
        "def tool(x: list[int]) -> Thing: ...\n"
    )

    parameters = load_tools(path).declarations[0].parameters
    assert parameters is not None
    assert parameters["properties"]["x"] == {"type": "ARRAY", "items": {"type": "INTEGER"}}


GOOGLE = '''
    """Book a table.

    For dinner only.

    Args:
        day: The day,
            as a date.
        n (int): How many people.

    Returns:
        Nothing of note.
    """
'''
NUMPY = '''
    """Book a table.

    For dinner only.

    Parameters
    ----------
    day : str
        The day,
        as a date.
    n : int
        How many people.
    """
'''
REST = '''
    """Book a table.

    For dinner only.

    :param day: The day,
        as a date.
    :param int n: How many people.
    """
'''


@pytest.mark.parametrize("docstring", [GOOGLE, NUMPY, REST], ids=["google", "numpy", "rest"])
def test_descriptions_come_from_the_docstring(load, docstring) -> None:
    declaration = load(f"def book(day: str, n: int):{docstring}").declarations[0]

    assert declaration.description == "Book a table.\n\nFor dinner only."
    properties = declaration.parameters["properties"]
    assert properties["day"]["description"] == "The day, as a date."
    assert properties["n"]["description"] == "How many people."


NUMPY_PAIR = '''
    """Book a table.

    For dinner only.

    Parameters
    ----------
    day, n : object
        Said of both.

    Returns
    -------
    str
        Nothing of note.

    Examples
    --------
    >>> book("today", 2)
    """
'''
REST_TYPED = '''
    """
    Book a table.

    For dinner only.

    :param day: Said of both.
    :type day: str
    :param n: Said of both.
    :returns: Nothing of note.
    :raises OSError: never
    """
'''
GOOGLE_MORE = '''
    """
    Book a table.

    For dinner only.

    Arguments:
        day (str, optional): Said of both.
        n: Said
          of
          both.

    Raises:
        OSError: Never.

    Example:
        book("today", 2)
    """
'''


@pytest.mark.parametrize("docstring", [NUMPY_PAIR, REST_TYPED, GOOGLE_MORE], ids=["numpy", "rest", "google"])
def test_what_a_docstring_says_to_programmers_stays_with_them(load, docstring) -> None:
    declaration = load(f"def book(day: str, n: int):{docstring}").declarations[0]

    assert declaration.description == "Book a table.\n\nFor dinner only."
    properties = declaration.parameters["properties"]
    assert [schema["description"] for schema in properties.values()] == ["Said of both."] * 2


@pytest.mark.parametrize("kind", ["BaseModel", "TypedDict", "dataclass"])
def test_fields_take_their_descriptions_from_the_docstring_of_their_type(load, kind) -> None:
    head = "@dataclasses.dataclass\nclass Line:" if kind == "dataclass" else f"class Line({kind}):"
    declaration = load(
        f'''
{head}
    """One line.

    Attributes:
        sku: What is ordered.
        n: How many.
    """
    sku: str
    n: Annotated[int, Field(description="From Field")]
def tool(lines: list[Line]): ...
'''
    ).declarations[0]

    line = declaration.parameters["properties"]["lines"]["items"]
    assert line["description"] == "One line."
    told = {name: schema["description"] for name, schema in line["properties"].items()}
    assert told == {"sku": "What is ordered.", "n": "From Field."}


def test_a_field_description_beats_the_docstring_and_that_the_docstring_of_the_type(load) -> None:
    declaration = load(
        f'''{TYPES}
def tool(a: Annotated[Line, Field(description="From Field")], b: Line, c: Line, d: datetime.date):
    """Do it.

    Args:
        a: From docstring
        b: From docstring
        d: The day
    """
'''
    ).declarations[0]

    told = {name: schema["description"] for name, schema in declaration.parameters["properties"].items()}
    assert told == {
        "a": "From Field.",
        "b": "From docstring.",
        "c": "One line of an order.",
        "d": "The day. A date, YYYY-MM-DD.",
    }


def test_a_docstring_in_no_known_style_is_the_description_as_it_stands() -> None:
    def tool() -> None:
        """Args:
        nothing but this
        """

    assert "nothing but this" in declare(tool).description


REFUSED = [
    ("x", "parameter x has no type hint"),
    ("x=3", "parameter x has no type hint"),
    ("*args: int", "parameter args *args: int cannot be declared"),
    ("**more: int", "parameter more **more: int cannot be declared"),
    ("x: Any", "any value would do"),
    ("x: object", "any value would do"),
    ("x: list", "needs the type of its items"),
    ("x: tuple[int, str]", "tuple of different types"),
    ("x: Corner", "a choice of it ([1, 2]) is neither text nor a number"),
    ("x: collections.namedtuple('Bare', 'a b')", "any value would do"),
    ("x: Literal['', 'a']", "empty text"),
    ("x: Tree", "Tree contains itself"),
    ("x: list[Tree | None]", "Tree contains itself"),
    ("x: Opaque", "cannot be declared: Opaque is no type that can be made from JSON: use a plain type"),
    ("x: list[Opaque | None]", "cannot be declared: Opaque is no type that can be made from JSON"),
    ("x: Callable[[], int]", "Callable[[], int] is no type that can be made from JSON"),
    ("x: type", "type is no type that can be made from JSON"),
    ("x: Dangling", "Dangling mentions a type that is not defined"),
    ("x: Hostile", "RuntimeError: no schema for you"),
    ("x: 'Missing'", "type hint: name 'Missing' is not defined"),
    ("x: 5", "cannot be declared: 5 is no type that can be made from JSON"),
    ("x: 5 = None", "type hint: 5 is not a type"),
    ("x: dict[Annotated[str, Field(pattern='^a')], int]", "its keys follow a pattern"),
    ("x: pydantic.Json", "it is JSON inside of text"),
]


@pytest.mark.parametrize(("parameter", "reason"), REFUSED)
def test_what_cannot_be_said_is_refused_with_the_place_and_the_reason(load, parameter, reason) -> None:
    with pytest.raises(ToolError) as refused:
        load(
            f"""
            class Tree(BaseModel):
                children: list["Tree"]
            import collections, pydantic
            class Corner(enum.Enum):
                A = (1, 2)
            class Dangling(BaseModel):
                x: "Gone"
            class Opaque: ...
            class Hostile:
                @classmethod
                def __get_pydantic_core_schema__(cls, source, handler):
                    raise RuntimeError("no schema for you\\nmore")
            def fine(): ...
            @(lambda f: f)
            def tool(
                before: int,
                {parameter},
            ): ...
            """
        )

    message = str(refused.value)
    assert "\n" not in message
    assert "tools.py:22: tool(): parameter " in message
    assert "pydantic" not in message.partition(": use ")[0].replace("pydantic.Json", "")
    assert "schema-" not in message
    assert reason in message


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def größe(): ...", "größe(): its name needs ASCII letters"),
        (
            "from flashlive_cli import tool\n@tool(name='no way')\ndef fine(): ...",
            "fine(): the name 'no way' needs ASCII",
        ),
        (f"def {'x' * 129}(): ...", "128 at most"),
        ("def tool(x: int, /): ...", "tool(): parameter x is positional-only"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused(load, source, words) -> None:
    with pytest.raises(ToolError, match=r"tools\.py:[57]: ") as refused:
        load(source)

    assert words in str(refused.value)


def test_a_name_of_128_characters_is_taken(load) -> None:
    assert load(f"def {'x' * 128}(): ...").declarations[0].name == "x" * 128

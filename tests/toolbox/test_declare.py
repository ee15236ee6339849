"""What a function's hints and docstring tell the model, and what they let it send."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flashlive_cli.errors import ToolError
from flashlive_cli.toolbox.declare import declare

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


@pytest.mark.parametrize("kind", KINDS, ids=[kind[0] for kind in KINDS])
async def test_a_hint_becomes_a_schema_and_guards_the_call(load, kind) -> None:
    hint, told, fits, received, misfit = kind
    box = load(f"{TYPES}\ndef tool(x: {hint}): return repr(x)")

    (declaration,) = box.declarations
    assert declaration.parameters == {"type": "OBJECT", "properties": {"x": told}, "required": ["x"]}
    assert set(keys_of(declaration.parameters)) <= ALLOWED
    json.dumps(declaration.parameters, allow_nan=False)
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
        ("x: 'int' = 3", {"type": "INTEGER", "default": 3}, "3"),
    ],
)
async def test_defaults_are_told_and_filled_in(load, parameter, told, received) -> None:
    box = load(
        f"""
        class Unset:
            def __repr__(self): return "UNSET"
        UNSET = Unset()
        def tool({parameter}): return repr(x)
        """
    )

    parameters = box.declarations[0].parameters
    assert parameters == {"type": "OBJECT", "properties": {"x": told}}
    assert await box.call("tool", {}) == {"output": received}


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
    ("x: Literal[1, 2]", "choices (1, 2) are not text"),
    ("x: Literal[True]", "choices (True) are not text"),
    ("x: Number", "choices (1, 2) are not text"),
    ("x: Literal['', 'a']", "empty text"),
    ("x: Tree", "Tree contains itself"),
    ("x: list[Tree | None]", "Tree contains itself"),
    ("x: Opaque", "Unable to generate pydantic-core schema for <class"),
    ("x: Callable[[], int]", "Cannot generate a JsonSchema"),
    ("x: Hostile", "RuntimeError: no schema for you"),
    ("x: 'Missing'", "type hint: name 'Missing' is not defined"),
    ("x: 5", "cannot be declared"),
    ("x: 5 = None", "unsupported operand"),
    ("x: dict[Annotated[str, Field(pattern='^a')], int]", "patternProperties has no place"),
]


@pytest.mark.parametrize(("parameter", "reason"), REFUSED)
def test_what_cannot_be_said_is_refused_with_the_place_and_the_reason(load, parameter, reason) -> None:
    with pytest.raises(ToolError) as refused:
        load(
            f"""
            class Tree(BaseModel):
                children: list["Tree"]
            class Number(enum.Enum):
                ONE = 1
                TWO = 2
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
    assert "tools.py:20: tool(): parameter " in message
    assert reason in message


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def größe(): ...", "größe(): its name needs ASCII letters"),
        (f"def {'x' * 129}(): ...", "128 at most"),
        ("def tool(x: int, /): ...", "tool(): parameter x is positional-only"),
        ("def tool(): yield 1", "it yields"),
        ("async def tool(): yield 1", "it yields"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused(load, source, words) -> None:
    with pytest.raises(ToolError, match=r"tools\.py:5: ") as refused:
        load(source)

    assert words in str(refused.value)


def test_a_name_of_128_characters_is_taken(load) -> None:
    assert load(f"def {'x' * 128}(): ...").declarations[0].name == "x" * 128

"""`flashlive tools`: what the model sees of a tools file, and one tool called by hand."""

import contextlib
import json
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from flashlive_cli.cli.exits import FAILED
from flashlive_cli.errors import ConfigError, FileError, ToolError
from flashlive_cli.paths import expanded
from flashlive_cli.printable import printable, printable_json

if TYPE_CHECKING:
    from flashlive_cli.toolbox import Options, Outcome, Tool, Toolbox

SCHEMA: Final = 1
_WIDTH: Final = 110
_STDIN: Final = "-"
_SCHEDULINGS: Final = {
    "SILENT": "its answer is not spoken (SILENT)",
    "WHEN_IDLE": "its answer waits for a pause (WHEN_IDLE)",
    "INTERRUPT": "its answer cuts into the talk (INTERRUPT)",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(tools)


def tools(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Python files, as for talk --tools.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts; with --call as NDJSON.")] = False,
    name: Annotated[
        str | None, typer.Option("--call", metavar="NAME", help="Call this tool instead, as the model would.")
    ] = None,
    args: Annotated[
        str | None,
        typer.Option("--args", metavar="JSON", help="Its arguments, a JSON object; @FILE reads them, - takes stdin."),
    ] = None,
    timeout_s: Annotated[
        float | None, typer.Option("--timeout", metavar="S", help="Seconds it may take, whatever its own limit.")
    ] = None,
) -> None:
    """
    Show what the model will see of tools files, or call one tool by hand.

    The exit code of a call is 0 where the tool answered, 1 where it answered with an error, and 2 where it could not
    be called. What a tool prints goes to stderr.
    """
    if name is None and (args is not None or timeout_s is not None):
        raise ConfigError(f"{'--timeout' if args is None else '--args'} goes with --call")
    if timeout_s is not None and not timeout_s > 0:
        raise ConfigError(f"--timeout {timeout_s:g}: seconds above 0 are wanted")
    from flashlive_cli.toolbox import load_tools  # noqa: PLC0415 - --help needs none of it

    box = load_tools(*files)
    if name is not None:
        _call(box, name, _arguments(args), timeout_s=timeout_s, as_json=as_json)
    elif as_json:
        typer.echo(printable_json(json.dumps(_listed(box), indent=2, ensure_ascii=False)))
    else:
        typer.echo("\n\n".join("\n".join(_shown(tool)) for tool in box.tools))


def _listed(box: "Toolbox") -> dict[str, object]:
    import dataclasses  # noqa: PLC0415

    from flashlive_cli.protocol.codec import encode  # noqa: PLC0415
    from flashlive_cli.protocol.commands import FunctionDeclaration, UpdateContext  # noqa: PLC0415

    functions = tuple(FunctionDeclaration(d.name, d.description, d.parameters) for d in box.declarations)
    message = json.loads(encode(UpdateContext(functions=functions)))
    (on_the_wire,) = message["contextUpdate"]["tools"]["tools"]
    return {
        "schema": SCHEMA,
        "tools": [
            {"declaration": declaration, "options": dataclasses.asdict(tool.options), "origin": tool.origin}
            for declaration, tool in zip(on_the_wire["functionDeclarations"], box.tools, strict=True)
        ],
    }


def _shown(tool: "Tool") -> Iterator[str]:
    """Describe one tool, in lines for people."""
    declaration = tool.declaration
    yield printable(f"{declaration.name}  ({tool.origin})")
    if options := ", ".join(_options(tool.options)):
        yield f"    {options}"
    for line in declaration.description.splitlines():
        yield from _wrapped(line, 4)
    rows = list(_rows(declaration.parameters or {}, ""))
    column = min(max((len(name) for name, _, _ in rows), default=0), 24) + 6
    for name, kind, description in rows:
        first, *rest = _wrapped(kind, column)
        yield printable(f"    {name}").ljust(column - 1) + f" {first.lstrip()}"
        yield from rest
        yield from _wrapped(description, column)


def _wrapped(text: str, indent: int) -> list[str]:
    margin = " " * indent
    return textwrap.wrap(printable(text), _WIDTH, initial_indent=margin, subsequent_indent=margin)


def _options(options: "Options") -> Iterator[str]:
    if options.confirm:
        yield "asks first"
    if options.blocking is not None:
        yield "the model waits for it" if options.blocking else "runs beside the talk"
    if options.scheduling is not None:
        yield _SCHEDULINGS[options.scheduling]
    if options.timeout_s is not None:
        yield f"takes {options.timeout_s:g} s at most"


def _rows(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    """List parameters, and what is inside of them: name, type, description."""
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        default = f", default {_json(inner['default'])}" if "default" in inner else ""
        kind = f"{_type(inner)}{default}{', required' if name in required else ''}"
        yield f"{prefix}{name}", kind, inner.get("description", "")
        yield from _rows(inner, f"{prefix}{name}.")
    for inner in schema.get("anyOf", ()):
        yield from _rows(inner, prefix)
    if "items" in schema:
        yield from _rows(schema["items"], f"{prefix.removesuffix('.')}[].")


def _type(schema: Mapping[str, Any]) -> str:
    """Say a type and its limits in the words of JSON."""
    if "anyOf" in schema:
        said = " or ".join(map(_type, schema["anyOf"]))
    elif "enum" in schema:
        said = " | ".join(map(_json, schema["enum"]))
    elif "items" in schema:
        said = f"array of {_type(schema['items'])}"
    else:
        said = schema.get("type", "anything").lower()
    limits = [
        f"{words} {schema[key]}"
        for key, words in (
            ("minimum", "from"),
            ("maximum", "up to"),
            ("minLength", "characters from"),
            ("maxLength", "characters up to"),
            ("minItems", "items from"),
            ("maxItems", "items up to"),
            ("pattern", "matching"),
            ("format", "format"),
        )
        if key in schema
    ]
    return said + (f" ({', '.join(limits)})" if limits else "") + (" or null" if schema.get("nullable") else "")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _arguments(given: str | None) -> dict[str, object]:
    """
    Read the arguments of a call.

    Raises:
        FileError: they cannot be read.
        ConfigError: they are no JSON object.
    """
    where, text = "--args", "{}" if given is None else given
    if given == _STDIN:
        where, text = "stdin", _read("stdin", _stdin)
    elif given is not None and given.startswith("@"):
        path = expanded(given[1:])
        where, text = str(path), _read(str(path), path.read_bytes)
    try:
        arguments = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"{where}: no JSON: {exc}") from exc
    if not isinstance(arguments, dict):
        raise ConfigError(f'{where}: a JSON object is wanted, such as {{"city": "Oslo"}}')
    return arguments


def _read(name: str, read: Callable[[], bytes]) -> str:
    try:
        return read().decode("utf-8-sig")
    except (OSError, ValueError, AttributeError) as exc:  # the last: stdin is closed
        reason = exc.strerror if isinstance(exc, OSError) else "it is no UTF-8 text"
        raise FileError(f"the arguments in {name} cannot be read: {reason}") from exc


def _stdin() -> bytes:
    return sys.stdin.buffer.read()  # inside of _read, as a closed one has no buffer


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is none of its values")


def _call(box: "Toolbox", name: str, args: Mapping[str, object], *, timeout_s: float | None, as_json: bool) -> None:
    """
    Run one tool as a talk would, and print what comes of it.

    Raises:
        ToolError: there is no such tool.
        typer.Exit: it answered with an error.
    """
    if box.find(name) is None:
        raise ToolError(box.unknown(name))
    import asyncio  # noqa: PLC0415

    from flashlive_cli.cli.signals import interrupted_by  # noqa: PLC0415

    spell = _json_line if as_json else _plain_line

    async def answered() -> bool:
        ok = False
        async with contextlib.aclosing(box.outcomes(name, args, timeout_s=timeout_s)) as outcomes:
            async for outcome in outcomes:
                if interrupted:  # it came up in the tool, which made an error of it
                    break
                say(spell(name, outcome))
                ok = "output" in outcome.response
        return ok

    # asyncio's own way would only ask the tool to stop, and wait until it looks; and a tool that is interrupted would
    # answer with that as its error: so it is noted here too
    with _stdout_for_answers() as say, interrupted_by("SIGINT") as interrupted:
        ok = asyncio.run(answered())
    if interrupted:
        raise KeyboardInterrupt
    if not ok:
        raise typer.Exit(FAILED)


def _plain_line(_name: str, outcome: "Outcome") -> str:
    if "error" in outcome.response:
        return printable(f"error: {outcome.response['error']}")
    return printable(f"{'output' if outcome.final else 'interim'}: {_json(outcome.response['output'])}")


def _json_line(name: str, outcome: "Outcome") -> str:
    fields = {"schema": SCHEMA, "type": "tool.answer", "name": name, "final": outcome.final}
    return printable_json(_json({**fields, "response": outcome.response}))


@contextlib.contextmanager
def _stdout_for_answers() -> Iterator[Callable[[str], None]]:
    """Keep stdout for the answers: what the tool prints goes to stderr, and what its child processes print too."""
    from flashlive_cli.cli.foreign import stdout_aside  # noqa: PLC0415
    from flashlive_cli.toolbox import tool_prints_to  # noqa: PLC0415

    def printed(name: str, line: str) -> None:
        print(f"tool: {name} printed: {line}", file=sys.stderr)

    with contextlib.ExitStack() as stack:
        try:
            sys.stdout.fileno()
        except (AttributeError, OSError):  # replaced by something that is no file
            answers = stack.enter_context(tool_prints_to(printed, stray=sys.stderr))
            yield lambda line: print(line, file=answers, flush=True)
            return
        encoding = sys.stdout.encoding
        aside = stack.enter_context(stdout_aside())
        stack.enter_context(tool_prints_to(printed, stray=sys.stderr))

        def say(line: str) -> None:
            left = memoryview(f"{line}\n".encode(encoding, "backslashreplace"))
            while left:
                left = left[aside.write(left) :]

        yield say

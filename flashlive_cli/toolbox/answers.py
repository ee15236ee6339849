"""What came of a call -> what the model gets: `{"output": …}`, or `{"error": …}` in one line."""

import json
from typing import Any, Final

from pydantic_core import PydanticSerializationError, to_jsonable_python

from flashlive_cli.printable import printable
from flashlive_cli.toolbox.tool import Answer

MAX_RESULT_BYTES: Final = 256 * 1024
"""Of JSON. More than a voice could tell, and well below the 1 MiB that many WebSocket ends take in a message."""
_LONGEST_ERROR: Final = 400


class Fault(Exception):
    """What went wrong with a call, in words for the model: bad arguments, or a result that cannot be sent."""


def answer_of(value: object) -> Answer:
    """
    Make the answer of a result: JSON, a pydantic model, a dataclass, or what pydantic turns into JSON.

    Raises:
        Fault: it is not JSON, or too large.
    """
    try:
        jsonable: Any = to_jsonable_python(value)
        n_bytes = len(json.dumps(jsonable, ensure_ascii=False, allow_nan=False).encode())
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as exc:
        raise Fault(f"the result ({type(value).__name__}) is not JSON: {exc}") from exc
    if n_bytes > MAX_RESULT_BYTES:
        raise Fault(f"the result is {n_bytes / 1024:.0f} KiB of JSON, and {MAX_RESULT_BYTES // 1024} may be sent")
    return {"output": jsonable}


def error_of(exc: BaseException) -> Answer:
    """Make the answer of an exception; never raises itself."""
    try:
        text = str(exc)
    except Exception:  # noqa: BLE001 - a stranger's __str__
        text = ""
    if not isinstance(exc, Fault):
        text = f"{type(exc).__name__}: {text}" if text else type(exc).__name__
    return {"error": one_line(text)}


def one_line(text: str) -> str:
    """Fold a text into one line that is safe to look at, cut where it is longer than anybody reads."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= _LONGEST_ERROR else f"{line[:_LONGEST_ERROR]}…"

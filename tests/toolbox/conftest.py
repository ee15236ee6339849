"""Tools files as text."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from flashlive_cli.toolbox import Toolbox, load_tools

Load = Callable[..., Toolbox]

PREAMBLE = """\
import asyncio, dataclasses, datetime, decimal, enum, pathlib, sys, threading, time, uuid
from typing import *
from pydantic import BaseModel, Field
from typing_extensions import TypedDict
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a tools file made of the given lines, below the usual imports."""

    def load(text: str, *, timeout_s: float = 30) -> Toolbox:
        path = tmp_path / "tools.py"
        path.write_text(PREAMBLE + dedent(text))
        return load_tools(path, timeout_s=timeout_s)

    return load

"""
The user's tools: loaded, described to the model, called.

    tool.py      what a tool is, wherever it comes from
    load.py      a Python file -> its public functions, or one line that says why not
    arguments.py a function's parameters, as pydantic checks them
    schema.py    JSON schema -> the subset a Live declaration may use
    declare.py   a function and its docstring -> Declaration
    function.py  a function as a tool: sync, async or a generator
    threads.py   blocking functions on threads that nobody has to wait for
    answers.py   a result or an exception -> what the model gets
    call.py      Toolbox: a call from the model -> exactly one final answer, in time
    prints.py    what a tool prints, kept off stdout
    mcp.py       MCP servers as a source of tools; says what each of the other files for them does (mcp_*.py)

Importing this package imports pydantic: whoever has no tools need not pay for it. The decorator that tools files may
use is in flashlive_cli/decorator.py.
"""

from flashlive_cli.toolbox.answers import MAX_RESULT_BYTES
from flashlive_cli.toolbox.call import CALL_TIMEOUT_S, MAX_DECLARATIONS, Toolbox
from flashlive_cli.toolbox.declare import declare
from flashlive_cli.toolbox.function import FunctionTool
from flashlive_cli.toolbox.load import load_tools
from flashlive_cli.toolbox.prints import OnPrint, tool_prints_to
from flashlive_cli.toolbox.tool import Answer, Declaration, Options, Outcome, Scheduling, Tool

__all__ = [
    "CALL_TIMEOUT_S",
    "MAX_DECLARATIONS",
    "MAX_RESULT_BYTES",
    "Answer",
    "Declaration",
    "FunctionTool",
    "OnPrint",
    "Options",
    "Outcome",
    "Scheduling",
    "Tool",
    "Toolbox",
    "declare",
    "load_tools",
    "tool_prints_to",
]

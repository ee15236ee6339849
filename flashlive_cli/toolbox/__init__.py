"""
The user's tools.py: loaded, described to the model, called.

    load.py      a Python file -> its public functions, or one line that says why not
    arguments.py a function's parameters, as pydantic checks them
    schema.py    JSON schema -> the subset a Live declaration may use
    declare.py   a function and its docstring -> Declaration
    call.py      Toolbox: a call from the model -> exactly one answer
    threads.py   blocking functions on threads that nobody has to wait for
    prints.py    what a tool prints, kept off stdout

Importing this package imports pydantic: whoever has no tools need not pay for it.
"""

from flashlive_cli.toolbox.call import CALL_TIMEOUT_S, MAX_RESULT_BYTES, Answer, Tool, Toolbox
from flashlive_cli.toolbox.declare import Declaration, declare
from flashlive_cli.toolbox.load import load_tools
from flashlive_cli.toolbox.prints import OnPrint, tool_prints_to

__all__ = [
    "CALL_TIMEOUT_S",
    "MAX_RESULT_BYTES",
    "Answer",
    "Declaration",
    "OnPrint",
    "Tool",
    "Toolbox",
    "declare",
    "load_tools",
    "tool_prints_to",
]

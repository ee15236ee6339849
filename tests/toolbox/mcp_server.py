"""
An MCP server, written with the SDK, for the tests to run as a program.

    mcp_server.py stdio NOTES    on its stdin and stdout
    mcp_server.py http NOTES     over streamable HTTP on a free port of loopback, which it prints

NOTES is a folder: `wait` leaves a file there when it has begun and when it was cancelled.
"""

import os
import socket
import sys
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

NOTES = Path(sys.argv[2])
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
NONE = {"type": "object", "properties": {}, "additionalProperties": False}
TREE = {
    "type": "object",
    "properties": {"tree": {"$ref": "#/$defs/Tree"}},
    "$defs": {"Tree": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
}
STRUCTURE = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
READS = types.ToolAnnotations(read_only_hint=True)
WRITES = types.ToolAnnotations(read_only_hint=False, destructive_hint=True)

TOOLS = [
    types.Tool(name="get", description="Say it back.", input_schema=TEXT, annotations=READS),
    types.Tool(name="plant", description="Plant a tree.", input_schema=TREE),
    types.Tool(name="wait", description="Wait for ever.", input_schema=NONE, annotations=WRITES),
    types.Tool(name="pid", input_schema=NONE),
    types.Tool(name="count", input_schema=NONE, output_schema=STRUCTURE),
    types.Tool(name="miscount", input_schema=NONE, output_schema=STRUCTURE),
    types.Tool(name="show", input_schema=NONE),
    types.Tool(name="fail", input_schema=NONE),
    types.Tool(name="flood", input_schema=NONE),
    types.Tool(name="header", input_schema=NONE),
    types.Tool(name="grow", input_schema=NONE),
    types.Tool(name="refuse", input_schema=NONE),
    types.Tool(name="what time/is it?", input_schema=NONE),
]
PAGE = 5


async def list_tools(
    ctx: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
) -> types.ListToolsResult:
    start = int(params.cursor) if params and params.cursor else 0
    more = str(start + PAGE) if start + PAGE < len(TOOLS) else None
    return types.ListToolsResult(tools=TOOLS[start : start + PAGE], next_cursor=more)


async def call_tool(ctx: ServerRequestContext[Any], params: types.CallToolRequestParams) -> types.CallToolResult:  # noqa: PLR0911
    print("called", params.name, file=sys.stderr, flush=True)
    match params.name:
        case "get":
            return said((params.arguments or {})["text"])
        case "wait":
            (NOTES / "begun").touch()
            try:
                await anyio.sleep_forever()
            finally:
                (NOTES / "cancelled").touch()
        case "pid":
            return said(str(os.getpid()))
        case "count":
            return types.CallToolResult(content=[types.TextContent(text="one")], structured_content={"n": 1})
        case "miscount":
            return types.CallToolResult(content=[], structured_content={"n": "many"})
        case "show":
            return types.CallToolResult(content=[
                types.TextContent(text="Look:"),
                types.ImageContent(data="iVBORw0K" * 1024, mime_type="image/png"),
                types.AudioContent(data="UklGRg==", mime_type="audio/wav"),
                types.ResourceLink(name="manual", uri="file:///manual.pdf", description="All of it"),
                types.EmbeddedResource(resource=types.TextResourceContents(uri="note://1", text="Buy milk.")),
                types.EmbeddedResource(resource=types.BlobResourceContents(uri="file:///a.bin", blob="AAAA" * 1024)),
            ])  # fmt: skip
        case "fail":
            return types.CallToolResult(content=[types.TextContent(text="no such\ncity \x1b[31m")], is_error=True)
        case "flood":
            return said("x" * 300 * 1024)
        case "header":
            assert ctx.request is not None
            return said(ctx.request.headers["x-key"])
        case "grow":
            await ctx.session.send_tool_list_changed()
            return said("more")
        case "refuse":
            raise MCPError(-32000, "come back\ntomorrow")  # the SDK's own code for a lost connection
    return said(f"{params.name}!")


def said(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)])


server = Server("test", on_list_tools=list_tools, on_call_tool=call_tool)


async def over_stdio() -> None:
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def over_http() -> None:
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        app = server.streamable_http_app()
        uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)).run([listening])


if __name__ == "__main__":
    if sys.argv[1] == "http":
        over_http()
    else:
        anyio.run(over_stdio)

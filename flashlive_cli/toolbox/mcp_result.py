"""What an MCP tool returned -> the answer the model gets."""

from typing import TYPE_CHECKING

from flashlive_cli.toolbox.answers import Fault, answer_of, error_of
from flashlive_cli.toolbox.tool import Answer

if TYPE_CHECKING:  # the package is an extra
    from mcp_types import CallToolResult, ContentBlock


def answer_of_result(result: "CallToolResult") -> Answer:
    """
    Make the answer of a result: its structured content where it has some, else its texts.

    What is no text is told in words: base64 would cost a voice model a fortune and tell it nothing.
    """
    told = "\n".join(map(_told, result.content))
    if result.is_error:
        return error(told or "it failed, and does not say why")
    output: object = told if result.content else None
    if result.structured_content is not None:
        output = result.structured_content
    try:
        return answer_of(output)
    except Fault as exc:
        return error_of(exc)


def error(text: str) -> Answer:
    """Make an answer of what went wrong, in one line."""
    return error_of(Fault(text))


def _told(block: "ContentBlock") -> str:
    match block.type:
        case "text":
            return block.text
        case "image" | "audio":
            return f"[{block.type}: {block.mime_type}, {_size(block.data)}, not shown to you]"
        case "resource_link":
            about = f": {block.description}" if block.description else ""
            return f"[link to {block.title or block.name}, {block.uri}{about}]"
        case "resource":
            resource = block.resource
            if (text := getattr(resource, "text", None)) is not None:
                return f"[{resource.uri}]\n{text}"
            kind = resource.mime_type or "binary"
            return f"[{resource.uri}: {kind}, {_size(getattr(resource, 'blob', ''))}, not shown to you]"


def _size(base64: str) -> str:
    return f"{max(1, len(base64) * 3 // 4 // 1024)} KiB"

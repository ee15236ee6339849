"""flashlive: talk to Gemini Live from the terminal, test voice agents, simulate the API."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flashlive_cli.decorator import tool

__version__ = "0.1.0"
__all__ = ["__version__", "tool"]


def __getattr__(name: str) -> Any:
    """Bring the decorator of tools files when it is asked for: commands start without it."""
    if name == "tool":
        from flashlive_cli.decorator import tool  # noqa: PLC0415

        return tool
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

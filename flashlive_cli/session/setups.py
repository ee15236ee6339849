"""What a user wishes of a session, in the user's words -> the setup that says so."""

from collections.abc import Mapping
from typing import Final, Literal

from flashlive_cli.errors import FileError
from flashlive_cli.paths import expanded
from flashlive_cli.printable import printable
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import Model

Level = Literal["minimal", "low", "medium", "high"]
Sensitivity = Literal["high", "low"]

_LEVELS: Final[Mapping[Level, c.ThinkingLevel]] = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
}
_SENSITIVITIES: Final[Mapping[Sensitivity, c.Sensitivity]] = {"low": "LOW", "high": "HIGH"}


def make_setup(
    model: Model,
    *,
    voice: str | None = None,
    system: str | None = None,
    language: str | None = None,
    functions: tuple[c.FunctionDeclaration, ...] = (),
    search: bool = False,
    temperature: float | None = None,
    thinking: Level | None = None,
    thinking_budget: int | None = None,
    push_to_talk: bool = False,
    start_sensitivity: Sensitivity | None = None,
    end_sensitivity: Sensitivity | None = None,
    prefix_ms: int | None = None,
    silence_ms: int | None = None,
    no_interrupt: bool = False,
) -> c.Setup:
    """
    Return the setup; what is None is left to the service.

    Args:
        model: whom to talk to.
        voice: a prebuilt voice's name, as the service spells it.
        system: instruction; `@FILE` reads it from there.
        language: of the replies, as a BCP-47 code.
        functions: what the model may call.
        search: let it search Google.
        temperature: of sampling, from 0 to 2.
        thinking: how much it thinks, where its family has levels.
        thinking_budget: the same in tokens, where its family has budgets.
        push_to_talk: turns are told by hand, and not detected.
        start_sensitivity: how readily speech is taken to begin.
        end_sensitivity: how readily it is taken to end.
        prefix_ms: speech that begins an utterance.
        silence_ms: silence that ends one.
        no_interrupt: speech does not cut a reply.

    Raises:
        FileError: the instruction cannot be read.
    """
    instruction = [_instruction(system)] if system else []
    if language:
        # native-audio models choose the language themselves: the field for it is ignored or refused
        instruction.append(f"Reply in the language {language}.")
    return c.Setup(
        model=model.resource,
        voice=voice,
        system="\n".join(instruction) or None,
        functions=functions,
        google_search=search,
        sampling=c.Sampling(temperature=temperature),
        thinking_level=_LEVELS[thinking] if thinking else None,
        thinking_budget=thinking_budget,
        detection=c.Detection(
            disabled=push_to_talk,
            start_sensitivity=_SENSITIVITIES[start_sensitivity] if start_sensitivity else None,
            end_sensitivity=_SENSITIVITIES[end_sensitivity] if end_sensitivity else None,
            prefix_ms=prefix_ms,
            silence_ms=silence_ms,
            interrupts=not no_interrupt,
        ),
    )


def _instruction(system: str) -> str:
    """Read `@FILE`, take anything else as it is."""
    if not system.startswith("@"):
        return system
    path = expanded(system[1:])
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is no UTF-8 text file"
        raise FileError(printable(f"the system instruction {path} cannot be read: {reason}")) from exc

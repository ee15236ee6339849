"""
What a talk needs, found and checked before anything begins: model, setup, tools, clips, far end, output.

All of it may wait (a pipe's header, a tools file's imports) and is done outside the event loop, where Ctrl-C works
as everywhere. Whatever is wrong is an error here; an output file that exists is not touched before the service has
accepted the talk.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TextIO

from flashlive_cli.audio.clips import Clip, open_raw, open_wav
from flashlive_cli.audio.wavwrite import check_target
from flashlive_cli.cli.foreign import Passage, foreign_stderr, stdout_aside
from flashlive_cli.cli.form import Form, find_form
from flashlive_cli.cli.rules import (
    SPEAKER,
    STDIN,
    STDOUT,
    check_devices,
    check_options,
    is_live,
    live_input,
    live_output,
)
from flashlive_cli.cli.turns import Given
from flashlive_cli.config import Config, Resolved
from flashlive_cli.errors import ConfigError, FileError
from flashlive_cli.paths import expanded
from flashlive_cli.printable import printable
from flashlive_cli.private import open_private
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import Model, find_model
from flashlive_cli.protocol.prices import Price, find_price
from flashlive_cli.protocol.voices import find_voice
from flashlive_cli.session.endpoint import Endpoint, find_endpoint, find_key
from flashlive_cli.session.setups import make_setup

if TYPE_CHECKING:
    from flashlive_cli.sim.script import Script
    from flashlive_cli.toolbox import Toolbox
    from flashlive_cli.toolbox.mcp_config import Server
    from flashlive_cli.video.wanted import Wanted

NO_KEY: Final = (
    "there is no API key; get one at https://aistudio.google.com/apikey and set GEMINI_API_KEY, or talk to --sim"
)

_RESOLUTIONS: Final[Mapping[str, c.MediaResolution]] = {"low": "LOW", "medium": "MEDIUM", "high": "HIGH"}


@dataclass(frozen=True, slots=True)
class Cast:
    """
    All that takes part in a talk.

    Attributes:
        model: whom to talk to.
        price: what that costs; None where nobody knows.
        setup: what to tell it first, but for its tools.
        toolbox: what it may call of the user's own; None without tools files.
        servers: whose tools it may call.
        yes: no tool asks.
        turns: what was given to say, and the clip of each that is spoken; none where `ears` hear the user.
        ears: `MICROPHONE`, or a `PROGRAM`, where the user speaks live.
        mouth: `SPEAKER`, or a `PROGRAM`, where the voice is heard.
        chosen_devices: what flags ask for, by side (`input`, `output`): to be remembered.
        endpoint: where to dial; None for the built-in simulator.
        script: what the simulator hears and answers.
        output: takes the voice: a path, or stdout kept aside; None for a silent talk.
        form: how the talk is shown.
        data: takes the conversation, where not stdout or stderr do: stdout kept aside from what tools do to it.
        passage: the way of what strangers write to stderr; None where they write to it themselves.
        seen: what the model is shown beside the voice; None for nothing.
        secrets: what must not be kept anywhere: the API key.
    """

    model: Model
    price: Price | None
    setup: c.Setup
    toolbox: "Toolbox | None"
    servers: "Sequence[Server]"
    yes: bool
    turns: tuple[tuple[Given, Clip | None], ...]
    ears: str | None
    mouth: str | None
    chosen_devices: Mapping[str, str]
    endpoint: Endpoint | None
    script: "Script | None"
    output: str | IO[bytes] | None
    form: Form
    data: TextIO | None
    passage: Passage | None
    seen: "Wanted | None"
    secrets: tuple[str, ...]

    @property
    def has_clips(self) -> bool:
        """Whether files speak for the user."""
        return any(clip is not None for _, clip in self.turns)


def cast_talk(
    resolved: Resolved,
    given: Sequence[Given],
    *,
    raw: bool,
    sim: bool,
    scenario: Path | None,
    yes: bool,
    stack: ExitStack,
) -> Cast:
    """
    Find everybody.

    Args:
        resolved: settings, and where each is from.
        given: the turns, in order.
        raw: stdin is bare PCM.
        sim: talk to the built-in simulator.
        scenario: what it hears and answers.
        yes: run tools that ask first without asking.
        stack: closes clips and output.

    Raises:
        ConfigError: settings or options are wrong, or do not go together.
        FileError: an input, the instruction, the scenario or the output is wrong.
        ToolError: a tools file is wrong.
    """
    settings = resolved.config
    check_options(settings, given, raw=raw, sim=sim, scenario=scenario)
    ears, mouth = live_input(given), live_output(settings, given)
    check_devices(resolved, ears, mouth)
    form = find_form(resolved)
    passage = None
    if ears or mouth or form == "panel":
        passage = stack.enter_context(foreign_stderr(ours_too=form == "panel"))
    _start_log(settings, stack)
    with _naming(resolved.sources["model"]):
        model = find_model(settings.model)
    with _naming(resolved.sources["prices"]):
        price = find_price(model.id, settings.prices)
    with _naming(resolved.sources["voice"]):
        voice = find_voice(settings.voice) if settings.voice else None
    endpoint = None if sim else _find_service(settings)
    script = _load_script(scenario) if scenario else None
    toolbox = _load_tools(settings)
    servers = _read_servers(settings)
    with _naming(resolved.sources["video"]):
        seen = _find_seen(settings)
    turns = () if ears else tuple((_with_pictures(turn), _open_clip(turn, raw=raw, stack=stack)) for turn in given)
    shows = seen is not None or any(turn.pictures for turn, _ in turns)
    setup = _setup(settings, model, voice)
    if shows or resolved.sources["media_resolution"] != "default":
        setup = replace(setup, media_resolution=_RESOLUTIONS[settings.media_resolution])
    sides = {"input": settings.input_device, "output": settings.output_device}
    chosen = {
        side: name for side, name in sides.items() if name and resolved.sources[f"{side}_device"].startswith("flag")
    }
    output = _find_output(settings, stack)
    data = _find_data(stack) if (toolbox or form == "panel") and settings.output != STDOUT else None
    if form == "panel" and data is None and passage is not None:
        data = passage.stderr
    key = find_key(os.environ)
    return Cast(
        model=model,
        price=price,
        setup=setup,
        toolbox=toolbox,
        servers=servers,
        yes=yes,
        turns=turns,
        ears=ears,
        mouth=mouth,
        chosen_devices=chosen,
        endpoint=endpoint,
        script=script,
        output=output,
        form=form,
        data=data,
        passage=passage,
        seen=seen,
        secrets=(key,) if key and endpoint is not None else (),
    )


@contextmanager
def _naming(source: str) -> Iterator[None]:
    """Say where a wrong value comes from."""
    try:
        yield
    except ConfigError as exc:
        raise ConfigError(f"{source}: {exc}") from exc


def _start_log(settings: Config, stack: ExitStack) -> None:
    log: logging.Handler = logging.StreamHandler()
    if settings.log_file:
        try:
            descriptor = open_private(settings.log_file, os.O_APPEND)
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "no such path"
            raise FileError(f"the log {settings.log_file} cannot be written: {reason}") from exc
        file = stack.enter_context(os.fdopen(descriptor, "a", encoding="utf-8"))
        log = logging.StreamHandler(file)
    stack.callback(logging.getLogger().removeHandler, log)
    log.setFormatter(_LogLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[log], level=settings.log_level.upper(), force=True)


class _LogLine(logging.Formatter):
    """A log line that is safe to look at, whosever words are in it."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), keep_newlines=True)


def service_url(settings: Config) -> str | None:
    """Return the URL of the server in Google's place; None for Google's."""
    return settings.url or os.environ.get("GOOGLE_GEMINI_BASE_URL") or None


def _find_service(settings: Config) -> Endpoint:
    base = service_url(settings)
    key = find_key(os.environ)
    if key is None and not (base and find_endpoint(base, "none").is_loopback):
        raise ConfigError(NO_KEY)
    return find_endpoint(base, key or "none")


def _load_script(scenario: Path) -> "Script":
    from flashlive_cli.scenario.reading import read_script_file  # noqa: PLC0415 - for who talks to the simulator

    return read_script_file(scenario).script()


def _load_tools(settings: Config) -> "Toolbox | None":
    if not settings.tools:
        return None
    from flashlive_cli.toolbox import load_tools  # noqa: PLC0415 - 25 ms that who has no tools need not pay

    return load_tools(*map(expanded, settings.tools))


def _read_servers(settings: Config) -> "Sequence[Server]":
    if settings.mcp is None:
        return ()
    from flashlive_cli.toolbox.mcp_config import read_servers  # noqa: PLC0415 - for who has servers

    return read_servers(expanded(settings.mcp))


def _find_seen(settings: Config) -> "Wanted | None":
    if settings.video is None:
        return None
    from flashlive_cli.video.wanted import find_wanted  # noqa: PLC0415 - for who sends pictures

    return find_wanted(settings.video)


def _with_pictures(turn: Given) -> Given:
    """Read the pictures of a typed turn, so that a file that is none is known before anything is dialled."""
    if turn.kind != "text" or "@" not in turn.value:
        return turn
    from flashlive_cli.cli.pictured import names_pictures, read_pictures  # noqa: PLC0415 - for who sends pictures

    if not names_pictures(turn.value):
        return turn
    line = read_pictures(turn.value)
    return replace(turn, value=line.text, pictures=line.pictures)


def _setup(settings: Config, model: Model, voice: str | None) -> c.Setup:
    return make_setup(
        model,
        voice=voice,
        system=settings.system,
        language=settings.language,
        search=settings.search,
        temperature=settings.temperature,
        thinking=settings.thinking,
        thinking_budget=settings.thinking_budget,
        push_to_talk=settings.push_to_talk,
        start_sensitivity=settings.start_sensitivity,
        end_sensitivity=settings.end_sensitivity,
        prefix_ms=settings.prefix_ms,
        silence_ms=settings.silence_ms,
        no_interrupt=settings.no_interrupt,
    )


def _open_clip(turn: Given, *, raw: bool, stack: ExitStack) -> Clip | None:
    """Open the sound of a spoken turn, so that a file that is none is known before anything is dialled."""
    if turn.kind == "text":
        return None
    clip: Clip = open_raw(STDIN) if raw and turn.value == STDIN else open_wav(turn.value)
    stack.callback(clip.close)
    return clip


def _find_output(settings: Config, stack: ExitStack) -> str | IO[bytes] | None:
    """See where the voice goes; a talk with files is silent by default."""
    target = settings.output
    if target is None or target == "none" or is_live(target, SPEAKER):
        return None
    if target != STDOUT:
        check_target(target)
        return target
    # the sound goes out by a descriptor of its own; whatever else is printed to stdout goes to stderr meanwhile
    return stack.enter_context(stdout_aside())


def _find_data(stack: ExitStack) -> TextIO | None:
    """Keep stdout aside for the conversation: a tool's child process may write to descriptor 1."""
    try:
        sys.stdout.fileno()
    except (AttributeError, OSError):  # replaced by something that is no file
        return None
    encoding, errors = sys.stdout.encoding, sys.stdout.errors
    aside = stack.enter_context(stdout_aside())
    data = os.fdopen(os.dup(aside.fileno()), "w", encoding=encoding, errors=errors)
    stack.callback(_close_quietly, data)
    return data


def _close_quietly(stream: TextIO) -> None:
    with contextlib.suppress(OSError):  # its reader is gone, which the talk has noticed and said
        stream.close()

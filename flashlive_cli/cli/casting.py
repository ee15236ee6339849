"""
What a talk needs, found and checked before anything begins: model, setup, tools, clips, far end, output.

All of it may wait (a pipe's header, a tools file's imports) and is done outside the event loop, where Ctrl-C works
as everywhere. Whatever is wrong is an error here; an output file that exists is not touched before the service has
accepted the talk.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flashlive_cli.audio.clips import Clip, open_raw, open_wav
from flashlive_cli.cli.form import find_form
from flashlive_cli.cli.logfile import start_log
from flashlive_cli.cli.outputs import Outputs, open_outputs, open_passage
from flashlive_cli.cli.rules import STDIN, Asked, check_devices, check_options, live_input, live_output
from flashlive_cli.cli.service import find_service, secrets_with
from flashlive_cli.cli.turns import Given
from flashlive_cli.config import Config, Resolved
from flashlive_cli.errors import ConfigError
from flashlive_cli.paths import expanded
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import Model, find_model
from flashlive_cli.protocol.prices import Price, find_price
from flashlive_cli.protocol.voices import find_voice
from flashlive_cli.session.endpoint import Endpoint
from flashlive_cli.session.setups import make_setup

if TYPE_CHECKING:
    from flashlive_cli.sim.script import Script
    from flashlive_cli.toolbox import Toolbox
    from flashlive_cli.toolbox.mcp_config import Server
    from flashlive_cli.video.wanted import Wanted

_RESOLUTIONS: Final[Mapping[str, c.MediaResolution]] = {"low": "LOW", "medium": "MEDIUM", "high": "HIGH"}


@dataclass(frozen=True, slots=True)
class FarEnd:
    """
    Who is talked to.

    Attributes:
        endpoint: where to dial; None for the built-in simulator.
        script: what the simulator hears and answers.
        secrets: what must not be kept anywhere: the API key.
    """

    endpoint: Endpoint | None
    script: "Script | None"
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Functions:
    """
    What the model may call.

    Attributes:
        toolbox: the user's own; None without tools files.
        servers: whose tools it may call.
        yes: none asks.
    """

    toolbox: "Toolbox | None"
    servers: "Sequence[Server]"
    yes: bool


@dataclass(frozen=True, slots=True)
class Cast:
    """
    All that takes part in a talk.

    Attributes:
        far_end: whom to talk to.
        model: which of its models.
        price: what that costs; None where nobody knows.
        setup: what to tell it first, but for its functions.
        functions: what it may call.
        turns: what was given to say, and the clip of each that is spoken; none where `ears` hear the user.
        ears: `MICROPHONE`, or a `PROGRAM`, where the user speaks live.
        mouth: `SPEAKER`, or a `PROGRAM`, where the voice is heard.
        chosen_devices: what flags ask for, by side (`input`, `output`): to be remembered.
        outputs: what the talk writes to.
        seen: what the model is shown beside the voice; None for nothing.
    """

    far_end: FarEnd
    model: Model
    price: Price | None
    setup: c.Setup
    functions: Functions
    turns: tuple[tuple[Given, Clip | None], ...]
    ears: str | None
    mouth: str | None
    chosen_devices: Mapping[str, str]
    outputs: Outputs
    seen: "Wanted | None"

    @property
    def has_clips(self) -> bool:
        """Whether files speak for the user."""
        return any(clip is not None for _, clip in self.turns)


def cast_talk(resolved: Resolved, asked: Asked, stack: ExitStack) -> Cast:
    """
    Find everybody.

    Args:
        resolved: settings, and where each is from.
        asked: what else the command line says.
        stack: closes clips and outputs.

    Raises:
        ConfigError: settings or options are wrong, or do not go together.
        FileError: an input, the instruction, the scenario or the output is wrong.
        ToolError: a tools file is wrong.
    """
    settings = resolved.config
    check_options(settings, asked)
    ears, mouth = live_input(asked.turns), live_output(settings, asked.turns)
    check_devices(resolved, ears, mouth)
    form = find_form(resolved)
    passage = open_passage(form, live=bool(ears or mouth), stack=stack)
    start_log(settings, stack)
    with _naming(resolved.sources["model"]):
        model = find_model(settings.model)
    with _naming(resolved.sources["prices"]):
        price = find_price(model.id, settings.prices)
    with _naming(resolved.sources["voice"]):
        voice = find_voice(settings.voice) if settings.voice else None
    far_end = _find_far_end(settings, asked)
    functions = Functions(_load_tools(settings), _read_servers(settings), asked.yes)
    with _naming(resolved.sources["video"]):
        seen = _find_seen(settings)
    turns = () if ears else tuple((_with_pictures(turn), _open_clip(turn, asked, stack)) for turn in asked.turns)
    setup = _setup(settings, model, voice)
    shows = seen is not None or any(turn.pictures for turn, _ in turns)
    if shows or resolved.sources["media_resolution"] != "default":
        setup = replace(setup, media_resolution=_RESOLUTIONS[settings.media_resolution])
    return Cast(
        far_end=far_end,
        model=model,
        price=price,
        setup=setup,
        functions=functions,
        turns=turns,
        ears=ears,
        mouth=mouth,
        chosen_devices=_chosen_devices(resolved),
        outputs=open_outputs(settings, form, passage, runs_tools=functions.toolbox is not None, stack=stack),
        seen=seen,
    )


@contextmanager
def _naming(source: str) -> Iterator[None]:
    """Say where a wrong value comes from."""
    try:
        yield
    except ConfigError as exc:
        raise ConfigError(f"{source}: {exc.words}", exc.advice) from exc


def _find_far_end(settings: Config, asked: Asked) -> FarEnd:
    endpoint = None if asked.sim else find_service(settings, instead="talk to --sim")
    script = _load_script(asked.scenario) if asked.scenario else None
    return FarEnd(endpoint, script, secrets_with(endpoint))


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
    from flashlive_cli.video.certain import check_wanted  # noqa: PLC0415 - for who sends pictures
    from flashlive_cli.video.wanted import find_wanted  # noqa: PLC0415 - the same

    wanted = find_wanted(settings.video)
    check_wanted(wanted)
    return wanted


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


def _chosen_devices(resolved: Resolved) -> dict[str, str]:
    wanted = {"input": resolved.config.input_device, "output": resolved.config.output_device}
    by_flag = {side for side in wanted if resolved.sources[f"{side}_device"].startswith("flag")}
    return {side: name for side, name in wanted.items() if name and side in by_flag}


def _open_clip(turn: Given, asked: Asked, stack: ExitStack) -> Clip | None:
    """Open the sound of a spoken turn, so that a file that is none is known before anything is dialled."""
    if turn.kind == "text":
        return None
    clip: Clip = open_raw(STDIN) if asked.raw and turn.value == STDIN else open_wav(turn.value)
    stack.callback(clip.close)
    return clip

"""A talk put together from settings, and held: introduces simulator, audio, tools and screen to the session."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from flashlive_cli.audio.clips import Clip, open_raw, open_wav
from flashlive_cli.audio.filemic import WavMicrophone
from flashlive_cli.audio.filespeaker import WavSpeaker
from flashlive_cli.audio.wavwrite import WavWriter, create_wav
from flashlive_cli.cli.exits import TERMINATED
from flashlive_cli.cli.screen import Screen
from flashlive_cli.cli.turns import Given
from flashlive_cli.clock import Clock
from flashlive_cli.config import Config, find_key
from flashlive_cli.errors import ConfigError, FileError, FlashliveError
from flashlive_cli.pcm import WIRE_OUT
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import Model, find_model
from flashlive_cli.protocol.voices import find_voice
from flashlive_cli.session.conversation import Patience, Sound, Spoken, Turn, Typed
from flashlive_cli.session.endpoint import Endpoint, find_endpoint
from flashlive_cli.session.talk import Talk

if TYPE_CHECKING:
    from flashlive_cli.toolbox import Toolbox

STDIN: Final = "-"
STDOUT: Final = "-"
_NO_KEY: Final = (
    "there is no API key; get one at https://aistudio.google.com/apikey and set GEMINI_API_KEY, or talk to --sim"
)
_LIVE_SOUND: Final = "there is nothing to say: give --input FILE.wav or --text TEXT (microphone and speaker come later)"


def hold_talk(settings: Config, given: Sequence[Given], *, raw: bool, sim: bool, scenario: Path | None) -> None:
    """
    Hold a talk from beginning to end.

    Raises:
        FlashliveError: nothing was begun: settings, files or tools are wrong.
        typer.Exit: the talk ended in an error, which it has reported itself.
    """
    _start_log(settings)
    _check(settings, given, raw=raw, sim=sim, scenario=scenario)
    asyncio.run(_hold(settings, given, raw=raw, sim=sim, scenario=scenario))


def _check(settings: Config, given: Sequence[Given], *, raw: bool, sim: bool, scenario: Path | None) -> None:
    """Refuse what does not go together before anything is begun."""
    if not given:
        raise ConfigError(_LIVE_SOUND)
    inputs = [turn.value for turn in given if turn.kind == "input"]
    if "mic" in inputs or settings.output == "speaker":
        raise ConfigError(_LIVE_SOUND)
    if inputs.count(STDIN) > 1:
        raise ConfigError("--input - can be given once: stdin is read to its end")
    for name in inputs:
        if name != STDIN and settings.output and _is_same_file(name, settings.output):
            raise ConfigError(f"--output {settings.output} would overwrite the input {name}")
    if raw and STDIN not in inputs:
        raise ConfigError("--raw goes with --input -")
    if not sim:
        if scenario is not None:
            raise ConfigError("--scenario goes with --sim")
        if settings.speed != 1:
            raise ConfigError("--speed goes with --sim: the service runs in real time")
    elif settings.url:
        raise ConfigError("--sim and --url exclude each other")


def _is_same_file(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except (OSError, ValueError):  # one of them is not there, or no path at all
        return False


async def _hold(settings: Config, given: Sequence[Given], *, raw: bool, sim: bool, scenario: Path | None) -> None:
    model = find_model(settings.model)
    voice = find_voice(settings.voice) if settings.voice else None
    toolbox = _load_tools(settings)
    clock = Clock(settings.speed)
    async with AsyncExitStack() as stack:
        stack.enter_context(_terminable())
        screen = Screen(settings.format, clock, sound_on_stdout=settings.output == STDOUT)
        stack.enter_context(screen.shown())
        if toolbox is not None:
            from flashlive_cli.toolbox.prints import tool_prints_to  # noqa: PLC0415

            stack.enter_context(tool_prints_to(screen.tool_printed, stray=sys.stderr))
        clips = [_open_clip(turn.value, raw=raw, stack=stack) if turn.kind == "input" else None for turn in given]
        stage = _Stage(clock, _open_output(settings, stack), screen, stack, hears=any(clips))
        endpoint = await stack.enter_async_context(_far_end(settings, clock, sim=sim, scenario=scenario))
        talk = Talk(
            endpoint=endpoint,
            model=model,
            setup=_setup(settings, model, voice, toolbox),
            open_sound=stage.open_sound,
            tools=toolbox,
            listener=screen.listen,
            clock=clock,
            patience=Patience(
                setup_s=settings.setup_timeout_s,
                answer_s=settings.answer_timeout_s,
                max_duration_s=settings.max_duration,
            ),
            simulated=sim,
        )
        try:
            await talk.hold(stage.turns(given, clips))
        except FlashliveError as error:
            raise screen.gave_up(error) from None
        except asyncio.CancelledError:
            if screen.failure is not None:
                raise screen.gave_up(screen.failure) from None
            raise


class _Stage:
    """Ears and mouth of a talk with files: their files are open early, they themselves once the dial is under way."""

    def __init__(
        self, clock: Clock, writer: WavWriter | None, screen: Screen, stack: AsyncExitStack, *, hears: bool
    ) -> None:
        self._clock = clock
        self._writer = writer
        self._screen = screen
        self._stack = stack
        self._microphone = WavMicrophone(clock) if hears else None

    async def open_sound(self) -> Sound:
        """Open them; they are closed with the stack."""
        import numpy as np  # noqa: F401, PLC0415 - the first sound needs it; here its 60 ms cost nothing

        speaker = WavSpeaker(self._clock, self._writer, failed=self._screen.failed)
        self._stack.push_async_callback(speaker.close)
        speaker.start()
        if self._microphone is not None:
            self._stack.push_async_callback(self._microphone.close)
        return Sound(speaker, self._microphone)

    def turns(self, given: Sequence[Given], clips: Sequence[Clip | None]) -> Iterator[Turn]:
        """Say what was given, in order."""
        for turn, clip in zip(given, clips, strict=True):
            yield Typed(turn.value) if clip is None else Spoken(turn.value, partial(self._speak, clip))

    async def _speak(self, clip: Clip) -> None:
        assert self._microphone is not None, "there is one where there are clips"
        await self._microphone.play(clip)
        for warning in clip.warnings:
            self._screen.warn(warning)


def _setup(settings: Config, model: Model, voice: str | None, toolbox: "Toolbox | None") -> c.Setup:
    instruction = [_instruction(settings.system)] if settings.system else []
    if settings.language:
        # native-audio models choose the language themselves: the field for it is ignored or refused
        instruction.append(f"Reply in the language {settings.language}.")
    return c.Setup(
        model=model.resource,
        voice=voice,
        system="\n".join(instruction) or None,
        functions=tuple(
            c.FunctionDeclaration(tool.name, tool.description, tool.parameters) for tool in toolbox.declarations
        )
        if toolbox
        else (),
        google_search=settings.search,
        sampling=c.Sampling(temperature=settings.temperature),
        thinking_level=_upper(settings.thinking),  # type: ignore[arg-type]  # the same words in capitals
        thinking_budget=settings.thinking_budget,
        detection=c.Detection(
            start_sensitivity=_upper(settings.start_sensitivity),  # type: ignore[arg-type]  # the same
            end_sensitivity=_upper(settings.end_sensitivity),  # type: ignore[arg-type]  # the same
            prefix_ms=settings.prefix_ms,
            silence_ms=settings.silence_ms,
            interrupts=not settings.no_interrupt,
        ),
    )


def _upper(word: str | None) -> str | None:
    return word.upper() if word else None


def _instruction(system: str) -> str:
    """Read `@FILE`, take anything else as it is."""
    if not system.startswith("@"):
        return system
    path = Path(system[1:]).expanduser()
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise FileError(f"the system instruction {path} cannot be read: {reason}") from exc


def _load_tools(settings: Config) -> "Toolbox | None":
    if not settings.tools:
        return None
    from flashlive_cli.toolbox import load_tools  # noqa: PLC0415 - pydantic's schemas: who has no tools need not pay

    return load_tools(*(Path(path).expanduser() for path in settings.tools))


def _open_clip(name: str, *, raw: bool, stack: AsyncExitStack) -> Clip:
    """Open a turn's sound, so that a file that is none is known before anything is dialled."""
    clip: Clip = open_raw(STDIN) if raw and name == STDIN else open_wav(name)
    stack.callback(clip.close)
    return clip


def _open_output(settings: Config, stack: AsyncExitStack) -> WavWriter | None:
    """Create the file for the voice before anything is dialled; a talk with files is silent by default."""
    if settings.output in {None, "none"}:
        return None
    if settings.output == STDOUT:
        # the data goes out by a descriptor of its own; whatever else is printed to stdout goes to stderr
        sound = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
        sys.stdout.flush()
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        stack.callback(sound.close)
        return create_wav(sound, WIRE_OUT, name="standard output")
    writer = create_wav(settings.output, WIRE_OUT)
    stack.push(contextlib.closing(writer))
    return writer


@asynccontextmanager
async def _far_end(settings: Config, clock: Clock, *, sim: bool, scenario: Path | None) -> AsyncIterator[Endpoint]:
    """Find the service, or bring up the simulator for the length of the talk."""
    if not sim:
        base = settings.url or os.environ.get("GOOGLE_GEMINI_BASE_URL") or None
        key = find_key(os.environ)
        if key is None and not (base and find_endpoint(base, "none").is_loopback):
            raise ConfigError(_NO_KEY)
        yield find_endpoint(base, key or "none")
        return
    from flashlive_cli.sim.script import load_script  # noqa: PLC0415
    from flashlive_cli.sim.server import serve  # noqa: PLC0415

    script = load_script(scenario) if scenario else None
    async with serve(clock=clock, script=script) as server:
        yield find_endpoint(server.url, "simulator")


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end a talk as politely as Ctrl-C does: socket closed, files finished."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        if task is not None:
            task.cancel()

    with contextlib.suppress(NotImplementedError):  # Windows has no such signal to speak of
        loop.add_signal_handler(signal.SIGTERM, terminate)
    try:
        yield
    except asyncio.CancelledError:
        if terminated:
            raise typer.Exit(TERMINATED) from None
        raise


def _start_log(settings: Config) -> None:
    try:
        if settings.log_file:  # it may hold what was said
            os.close(os.open(settings.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        logging.basicConfig(
            filename=settings.log_file,
            level=settings.log_level.upper(),
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
            force=True,
        )
    except OSError as exc:
        raise FileError(f"the log {settings.log_file} cannot be written: {exc.strerror}") from exc

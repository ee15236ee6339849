"""`flashlive talk`: the options of a conversation."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from flashlive_cli.cli.options import (
    ConfigOption,
    InputDeviceOption,
    OutputDeviceOption,
    ProfileOption,
    UrlOption,
    model_option,
    voice_option,
)
from flashlive_cli.cli.settings import read_settings
from flashlive_cli.cli.turns import OrderedCommand, given_turns

# the words of config.py, which imports too much for --help; a test holds them together
Format = Literal["panel", "plain", "json"]
EchoMode = Literal["auto", "cancel", "half", "off"]
Level = Literal["minimal", "low", "medium", "high"]
Sensitivity = Literal["high", "low"]
VideoWhen = Literal["always", "speaking", "key"]
LogLevel = Literal["debug", "info", "warning", "error"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(cls=OrderedCommand)(talk)


def talk(  # noqa: PLR0917 - options are given by name
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="WAV",
            help="Speak this WAV file as a turn; repeat for more. '-': stdin, 'mic': microphone, 'cmd:…': program.",
            show_default=False,
        ),
    ] = None,
    texts: Annotated[
        list[str] | None,
        typer.Option(
            "--text",
            "-x",
            metavar="TEXT",
            help="Type this as a turn; mixes with --input in the order given.",
            show_default=False,
        ),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="stdin is bare 16 kHz mono s16le instead of a WAV.", show_default=False)
    ] = False,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="WAV", help="'speaker', a WAV file, '-' for stdout, 'none', 'cmd:…'."),
    ] = None,
    input_device: InputDeviceOption = None,
    output_device: OutputDeviceOption = None,
    echo: Annotated[
        EchoMode | None, typer.Option("--echo", help="Cancel the speaker's echo, mute the microphone (half), or off.")
    ] = None,
    video: Annotated[
        str | None,
        typer.Option(
            "--video", metavar="SOURCE", help="Show the model camera[:N], screen[:N], images or a video file, too."
        ),
    ] = None,
    video_fps: Annotated[
        float | None, typer.Option("--video-fps", metavar="N", help="Stills a second, at most 1; 0.2 is every 5 s.")
    ] = None,
    video_when: Annotated[
        VideoWhen | None,
        typer.Option("--video-when", help="Send stills always, while you speak (default), or by the key v."),
    ] = None,
    output_format: Annotated[
        Format | None,
        typer.Option("--format", help="A live panel (default on a terminal), plain lines, or NDJSON."),
    ] = None,
    voice: Annotated[str | None, voice_option("Prebuilt voice, such as Puck.")] = None,
    model: Annotated[str | None, model_option("Model to talk to.")] = None,
    system: Annotated[
        str | None,
        typer.Option("--system", "-s", metavar="TEXT", help="System instruction; @FILE reads it from there."),
    ] = None,
    tools: Annotated[
        list[str] | None,
        typer.Option(
            "--tools", "-t", metavar="FILE", help="Python file whose functions the model may call; repeatable."
        ),
    ] = None,
    mcp: Annotated[
        str | None,
        typer.Option("--mcp", metavar="FILE", help="MCP servers whose tools the model may call, as mcpServers JSON."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Run tools that ask first without asking.", show_default=False)
    ] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="NAME", help="Run this tool without asking; repeatable."),
    ] = None,
    deny: Annotated[
        list[str] | None, typer.Option("--deny", metavar="NAME", help="Hide this tool from the model; repeatable.")
    ] = None,
    sim: Annotated[bool, typer.Option("--sim", help="Talk to the built-in simulator; needs no key.")] = False,
    scenario: Annotated[
        Path | None,
        typer.Option("--scenario", metavar="FILE", help="What the simulator hears and answers; with --sim."),
    ] = None,
    speed: Annotated[
        float | None, typer.Option("--speed", metavar="N", help="Run N times faster than real time; with --sim.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Take up the last live talk with this model.", show_default=False)
    ] = False,
    thinking: Annotated[
        Level | None, typer.Option("--thinking", help="Thinking level, where the model has one.")
    ] = None,
    search: Annotated[bool | None, typer.Option("--search/--no-search", help="Let the model search Google.")] = None,
    language: Annotated[
        str | None, typer.Option("--language", metavar="CODE", help="Language to reply in, such as pl-PL.")
    ] = None,
    no_interrupt: Annotated[
        bool | None, typer.Option("--no-interrupt/--interrupt", help="Do not let speech cut a reply.")
    ] = None,
    push_to_talk: Annotated[
        bool | None,
        typer.Option("--push-to-talk/--open-mic", help="Send what is said while the space bar is held, or tapped on."),
    ] = None,
    silence_ms: Annotated[
        int | None, typer.Option("--silence-ms", metavar="MS", help="Silence that ends an utterance.")
    ] = None,
    prefix_ms: Annotated[
        int | None, typer.Option("--prefix-ms", metavar="MS", help="Speech that begins an utterance.")
    ] = None,
    start_sensitivity: Annotated[
        Sensitivity | None, typer.Option("--start-sensitivity", help="How readily speech is taken to begin.")
    ] = None,
    end_sensitivity: Annotated[
        Sensitivity | None, typer.Option("--end-sensitivity", help="How readily speech is taken to end.")
    ] = None,
    record: Annotated[
        str | None,
        typer.Option("--record", metavar="DIR", help="Keep the talk in a folder of its own there: sound, words, wire."),
    ] = None,
    transcript: Annotated[
        str | None, typer.Option("--transcript", metavar="FILE", help="Write the words of both sides there.")
    ] = None,
    max_duration: Annotated[
        float | None, typer.Option("--max-duration", metavar="S", help="After so many seconds, take no new turn.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option("--max-cost", metavar="USD", help="After so many US dollars, take no new turn.")
    ] = None,
    url: UrlOption = None,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    log_level: Annotated[LogLevel | None, typer.Option("--log-level", help="How much to log.")] = None,
    log_file: Annotated[
        str | None, typer.Option("--log-file", metavar="FILE", help="Log there instead of to stderr.")
    ] = None,
) -> None:
    """
    Hold a conversation, by microphone and speaker or from files.

    Each --input and --text is a turn; without any, the microphone is on until Ctrl-C. A turn is spoken in real time
    and answered before the next one begins; tools are called in between. stdout carries the transcript, or NDJSON,
    or with --output - the voice; everything else goes to stderr.
    """
    flags = {
        "output": output,
        "input_device": input_device,
        "output_device": output_device,
        "echo": echo,
        "video": video,
        "video_fps": video_fps,
        "video_when": video_when,
        "format": output_format,
        "voice": voice,
        "model": model,
        "system": system,
        "tools": tools or None,
        "mcp": mcp,
        "allow": allow or None,
        "deny": deny or None,
        "speed": speed,
        "thinking": thinking,
        "search": search,
        "language": language,
        "no_interrupt": no_interrupt,
        "push_to_talk": push_to_talk,
        "silence_ms": silence_ms,
        "prefix_ms": prefix_ms,
        "start_sensitivity": start_sensitivity,
        "end_sensitivity": end_sensitivity,
        "record": record,
        "transcript": transcript,
        "max_duration": max_duration,
        "max_cost": max_cost,
        "url": url,
        "log_level": log_level,
        "log_file": log_file,
    }
    resolved = read_settings(flags, config, profile)
    from flashlive_cli.cli.rules import Asked  # noqa: PLC0415 - --help needs none of it
    from flashlive_cli.cli.stage import hold_talk  # noqa: PLC0415 - the same

    turns = given_turns(context, inputs or (), texts or ())
    hold_talk(resolved, Asked(turns=turns, raw=raw, sim=sim, scenario=scenario, yes=yes, resume=resume))

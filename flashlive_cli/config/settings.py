"""The settings themselves: names, types, defaults, and what people are told about them."""

from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

from msgspec import Meta, Struct

PRICE_KEYS: Final = ("text_in", "audio_in", "image_in", "text_out", "audio_out")
"""What a model's table of prices may hold."""

NOT_NEGATIVE: Final = Meta(ge=0)

Sensitivity = Literal["high", "low"]
Milliseconds = Annotated[int, Meta(ge=0, le=10_000)]
Tokens = Annotated[int, NOT_NEGATIVE]
Positive = Annotated[float, Meta(gt=0)]


def _told(description: str, example: object = None) -> Meta:
    """Tell people about a setting; the example stands in the settings file where the default says too little."""
    return Meta(description=description, examples=None if example is None else [example])


class Config(Struct, frozen=True, kw_only=True):
    """
    Every setting. None leaves the choice to the service, or switches the thing off.

    The constructor checks nothing: what people give goes through `values.read`.
    """

    model: Annotated[str, _told("Model, as a bare id or models/ID.")] = "gemini-3.1-flash-live-preview"
    voice: Annotated[str | None, _told("Prebuilt voice.", example="Puck")] = None
    system: Annotated[
        str | None,
        _told(
            "System instruction, or @FILE to read it from a file beside this one.",
            example="You are brief and friendly.",
        ),
    ] = None
    tools: Annotated[list[str], _told("Python files whose functions the model may call.", example=["tools.py"])] = []
    mcp: Annotated[
        str | None,
        _told("MCP servers whose tools the model may call: a JSON file with mcpServers.", example="servers.json"),
    ] = None
    allow: Annotated[
        list[str], _told("Tools that ask first and may be run without asking.", example=["refund_order"])
    ] = []
    deny: Annotated[list[str], _told("Tools that are hidden from the model.", example=["delete_account"])] = []
    output: Annotated[
        str | None,
        _told(
            "Where the reply is heard: speaker, none, FILE.wav, - (WAV on stdout) or cmd:PROGRAM.", example="answer.wav"
        ),
    ] = None
    input_device: Annotated[str | None, _told("Microphone, by number or part of its name.", example="USB")] = None
    output_device: Annotated[str | None, _told("Speaker, by number or part of its name.", example="Headphones")] = None
    echo: Annotated[
        Literal["auto", "cancel", "half", "off"],
        _told(
            "The speaker's echo in the microphone: cancel it, half (mute the microphone while the reply "
            "sounds), off (for headphones), or auto: cancel where that is installed, else half."
        ),
    ] = "auto"
    video: Annotated[
        str | None,
        _told(
            "What the model sees beside your voice: camera, camera:N, screen, screen:N, or a file or "
            "folder: an image, images, a video file.",
            example="camera",
        ),
    ] = None
    video_fps: Annotated[float, Meta(gt=0, le=1), _told("Stills a second, at most; 1 is what is looked at.")] = 1.0
    video_when: Annotated[
        Literal["always", "speaking", "key"],
        _told("When stills are sent: always, while you are speaking, or when the key v is pressed."),
    ] = "speaking"
    media_resolution: Annotated[
        Literal["low", "medium", "high"], _told("How closely the model looks at pictures; closer costs more tokens.")
    ] = "low"
    record: Annotated[str | None, _told("Folder that keeps a recording of every talk.", example="recordings")] = None
    transcript: Annotated[str | None, _told("File that gets the words of both sides.", example="transcript.md")] = None
    format: Annotated[
        Literal["panel", "plain", "json"] | None,
        _told("What is shown of a talk: the panel, plain lines, or NDJSON (json).", example="plain"),
    ] = None
    thinking: Annotated[
        Literal["minimal", "low", "medium", "high"] | None,
        _told("Thinking level, for models that have one.", example="low"),
    ] = None
    thinking_budget: Annotated[Tokens | None, _told("Thinking tokens, for the 2.5 models; 0 is off.", example=1024)] = (
        None
    )
    search: Annotated[bool, _told("Let the model search Google.")] = False
    language: Annotated[str | None, _told("Language of the replies, as a code such as en.", example="en")] = None
    no_interrupt: Annotated[bool, _told("Let replies finish although you speak.")] = False
    push_to_talk: Annotated[bool, _told("Send sound only while you hold a key or have tapped it.")] = False
    silence_ms: Annotated[Milliseconds | None, _told("Silence that ends your turn, in milliseconds.", example=600)] = (
        None
    )
    prefix_ms: Annotated[Milliseconds | None, _told("Speech that begins your turn, in milliseconds.", example=20)] = (
        None
    )
    start_sensitivity: Annotated[
        Sensitivity | None, _told("How readily the service hears that you begin.", example="high")
    ] = None
    end_sensitivity: Annotated[
        Sensitivity | None, _told("How readily the service hears that you are done.", example="high")
    ] = None
    temperature: Annotated[
        Annotated[float, Meta(ge=0, le=2)] | None,
        _told("How freely the model chooses its words, 0 to 2.", example=0.8),
    ] = None
    url: Annotated[str | None, _told("Endpoint in place of the service.", example="ws://127.0.0.1:8765")] = None
    speed: Annotated[
        float,
        Meta(gt=0, le=100),
        _told("How many times faster than real time; with the simulator and file input."),
    ] = 1.0
    max_duration: Annotated[Positive | None, _told("Seconds after which the talk ends politely.", example=600.0)] = None
    max_cost: Annotated[Positive | None, _told("US dollars after which no new turn is taken.", example=0.5)] = None
    setup_timeout_s: Annotated[Positive, _told("Seconds the service has to take the setup.")] = 10.0
    answer_timeout_s: Annotated[Positive, _told("Seconds the service has to begin an answer.")] = 30.0
    log_level: Annotated[Literal["debug", "info", "warning", "error"], _told("What is logged: this and worse.")] = (
        "warning"
    )
    log_file: Annotated[str | None, _told("Log to this file, not stderr.", example="flashlive.log")] = None
    prices: Annotated[
        dict[str, dict[str, Annotated[float, NOT_NEGATIVE]]],
        _told(
            "What a model costs, in US dollars per million tokens, where that is not the list price or "
            "flashlive knows none; files alone say this.",
            example={
                "gemini-3.8-live": {
                    "text_in": 0.75,
                    "audio_in": 3.0,
                    "image_in": 1.0,
                    "text_out": 4.5,
                    "audio_out": 12.0,
                }
            },
        ),
    ] = {}


class Setting(Struct, frozen=True, kw_only=True):
    """
    What is known of a setting.

    Attributes:
        type: of its values, but for None: as in `Config`.
        bounds: of a number; none for others.
        default: its value where nobody says anything.
        description: what people are told about it.
        example: a value to begin with.
    """

    type: Any
    bounds: Meta
    default: object
    description: str
    example: object


def _setting(name: str, hint: Any) -> Setting:
    kind, *about = get_args(hint)  # of Annotated[TYPE, …, what is told]
    told: Meta = about[-1]
    if NoneType in get_args(kind):
        kind = next(each for each in get_args(kind) if each is not NoneType)
    if get_origin(kind) is Annotated:
        kind, *about = get_args(kind)
    default = getattr(_DEFAULTS, name)
    return Setting(
        type=kind,
        bounds=about[0],
        default=default,
        description=told.description or "",
        example=told.examples[0] if told.examples else default,
    )


_DEFAULTS: Final = Config()
SETTINGS: Final = {name: _setting(name, hint) for name, hint in get_type_hints(Config, include_extras=True).items()}
"""Every setting by its name, in the order in which they are told."""

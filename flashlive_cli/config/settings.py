"""The settings themselves: names, types, defaults, and what people are told about them."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

PRICE_KEYS: Final = ("text_in", "audio_in", "image_in", "text_out", "audio_out")
"""What a model's table of prices may hold."""

Sensitivity = Literal["high", "low"]
Milliseconds = Annotated[int, Field(ge=0, le=10_000)]
PriceKey = Annotated[str, Field(pattern=f"^({'|'.join(PRICE_KEYS)})$")]
Dollars = Annotated[float, Field(ge=0)]


class Config(BaseModel):
    """Every setting. None leaves the choice to the service, or switches the thing off."""

    # built at first use: 25 ms that importing this module need not pay
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    model: str = Field(default="gemini-3.1-flash-live-preview", description="Model, as a bare id or models/ID.")
    voice: str | None = Field(default=None, description="Prebuilt voice.", examples=["Puck"])
    system: str | None = Field(
        default=None,
        description="System instruction, or @FILE to read it from a file beside this one.",
        examples=["You are brief and friendly."],
    )
    tools: list[str] = Field(
        default=[], description="Python files whose functions the model may call.", examples=[["tools.py"]]
    )
    mcp: str | None = Field(
        default=None,
        description="MCP servers whose tools the model may call: a JSON file with mcpServers.",
        examples=["servers.json"],
    )
    allow: list[str] = Field(
        default=[], description="Tools that ask first and may be run without asking.", examples=[["refund_order"]]
    )
    deny: list[str] = Field(
        default=[], description="Tools that are hidden from the model.", examples=[["delete_account"]]
    )
    output: str | None = Field(
        default=None,
        description="Where the reply is heard: speaker, none, FILE.wav, - (WAV on stdout) or cmd:PROGRAM.",
        examples=["answer.wav"],
    )
    input_device: str | None = Field(
        default=None, description="Microphone, by number or part of its name.", examples=["USB"]
    )
    output_device: str | None = Field(
        default=None, description="Speaker, by number or part of its name.", examples=["Headphones"]
    )
    echo: Literal["auto", "cancel", "half", "off"] = Field(
        default="auto",
        description="The speaker's echo in the microphone: cancel it, half (mute the microphone while the reply "
        "sounds), off (for headphones), or auto: cancel where that is installed, else half.",
    )
    video: str | None = Field(
        default=None,
        description="What the model sees beside your voice: camera, camera:N, screen, screen:N, or a file or "
        "folder: an image, images, a film.",
        examples=["camera"],
    )
    video_fps: float = Field(default=1.0, gt=0, le=1, description="Stills a second, at most; 1 is what is looked at.")
    video_when: Literal["always", "speaking", "key"] = Field(
        default="speaking",
        description="When stills are sent: always, while you are speaking, or when the key v is pressed.",
    )
    media_resolution: Literal["low", "medium", "high"] = Field(
        default="low", description="How closely the model looks at pictures; closer costs more tokens."
    )
    record: str | None = Field(
        default=None, description="Folder that keeps a recording of every talk.", examples=["recordings"]
    )
    transcript: str | None = Field(
        default=None, description="File that gets the words of both sides.", examples=["transcript.md"]
    )
    format: Literal["panel", "plain", "json"] | None = Field(
        default=None,
        description="What is shown of a talk: the panel, plain lines, or NDJSON (json).",
        examples=["plain"],
    )
    thinking: Literal["minimal", "low", "medium", "high"] | None = Field(
        default=None, description="Thinking level, for models that have one.", examples=["low"]
    )
    thinking_budget: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Thinking tokens, for the 2.5 models; 0 is off.", examples=[1024]
    )
    search: bool = Field(default=False, description="Let the model search Google.")
    language: str | None = Field(
        default=None, description="Language of the replies, as a code such as en.", examples=["en"]
    )
    no_interrupt: bool = Field(default=False, description="Let replies finish although you speak.")
    push_to_talk: bool = Field(default=False, description="Send sound only while you hold a key or have tapped it.")
    silence_ms: Milliseconds | None = Field(
        default=None, description="Silence that ends your turn, in milliseconds.", examples=[600]
    )
    prefix_ms: Milliseconds | None = Field(
        default=None, description="Speech that begins your turn, in milliseconds.", examples=[20]
    )
    start_sensitivity: Sensitivity | None = Field(
        default=None, description="How readily the service hears that you begin.", examples=["high"]
    )
    end_sensitivity: Sensitivity | None = Field(
        default=None, description="How readily the service hears that you are done.", examples=["high"]
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        default=None, description="How freely the model chooses its words, 0 to 2.", examples=[0.8]
    )
    url: str | None = Field(
        default=None, description="Endpoint in place of the service.", examples=["ws://127.0.0.1:8765"]
    )
    speed: float = Field(
        default=1.0,
        gt=0,
        le=100,
        description="How many times faster than real time; with the simulator and file input.",
    )
    max_duration: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Seconds after which the talk ends politely.", examples=[600.0]
    )
    max_cost: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="US dollars after which no new turn is taken.", examples=[0.5]
    )
    setup_timeout_s: float = Field(default=10.0, gt=0, description="Seconds the service has to take the setup.")
    answer_timeout_s: float = Field(default=30.0, gt=0, description="Seconds the service has to begin an answer.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="What is logged: this and worse."
    )
    log_file: str | None = Field(default=None, description="Log to this file, not stderr.", examples=["flashlive.log"])
    prices: dict[str, dict[PriceKey, Dollars]] = Field(
        default={},
        description="What a model costs, in US dollars per million tokens, where that is not the list price or "
        "flashlive knows none; files alone say this.",
        examples=[
            {
                "gemini-3.8-live": {
                    "text_in": 0.75,
                    "audio_in": 3.0,
                    "image_in": 1.0,
                    "text_out": 4.5,
                    "audio_out": 12.0,
                }
            }
        ],
    )

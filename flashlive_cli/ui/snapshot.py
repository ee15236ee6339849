"""What the panel shows, as a value. Text is raw: who draws it makes it safe. Times are seconds of the talk's clock."""

from dataclasses import dataclass
from typing import Literal

from flashlive_cli.reports import BargeInLatency, TurnLatency
from flashlive_cli.ui.acts import LineTyped, PictureShown
from flashlive_cli.ui.finished import Finished

Doing = Literal["connecting", "listening", "hearing", "waiting", "working", "replying", "moving", "closed"]


@dataclass(frozen=True, slots=True)
class Meters:
    """
    How loud it is just now, as polled.

    Attributes:
        microphone_dbfs: level of the microphone; `-inf` is silence.
        speaking: our own ear hears the user speak.
        speaker_dbfs: level of what is being played.
        held_ms: sound that has come and is still to be played.
        underruns: times that the speaker ran dry within a reply, since the start.
        lost_ms: sound of the microphone that was not heard, or not sent in time, since the start.
    """

    microphone_dbfs: float
    speaking: bool
    speaker_dbfs: float
    held_ms: float
    underruns: int
    lost_ms: float


@dataclass(frozen=True, slots=True)
class Words:
    """
    What one side is saying.

    Attributes:
        role: whose words.
        text: the pieces so far, joined as they came.
        cut: the user cut in; some of it was not heard.
    """

    role: Literal["user", "model"]
    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """
    A tool call that runs.

    Attributes:
        id: of the call.
        name: of the tool.
        arguments: as words.
        since: when it was made.
        repeated: it repeats another one and is not run itself.
        progress: the latest interim answer, as words; None without any.
        printed: what it printed, by line.
    """

    id: str
    name: str
    arguments: str
    since: float
    repeated: bool = False
    progress: str | None = None
    printed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spent:
    """
    Tokens and money so far.

    Attributes:
        tokens_in: of all prompts; each holds the whole history.
        tokens_out: of all responses.
        tokens_thought: of all thoughts.
        cost_usd: what they cost; None where the price is not known.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_thought: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Pictures:
    """
    What was shown to the model.

    Attributes:
        sent: stills and images.
        tokens: read of them, in all prompts, as far as the service tells.
        lost: there is nothing to be seen (any more).
    """

    sent: int = 0
    tokens: int = 0
    lost: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """
    All that the panel shows but for the meters.

    Attributes:
        link: how the connection fares.
        model: whom the talk is with; empty before that is known.
        voice: in which voice; None is the service's choice.
        simulated: it is the simulator.
        ends_at: when the server will end this connection; None where it has not said so.
        moving_because: why the talk is moving to another connection.
        microphone: what of the microphone goes to the service.
        lost: which devices are gone just now.
        echo: what is done against the echo; None where there is none.
        erle_db: by how much it is lowered, as measured.
        hearing: the user is being heard.
        waiting_since: when the user had said all, while nothing has come back yet; or since when a reply has stalled.
        replying: a reply is coming in or being spoken, or has stalled.
        running: words and calls that are not final, in the order of their beginning.
        answer: latency of the last turn.
        barge_in: latency of the last barge-in.
        spent: tokens and money.
        pictures: that were shown to the model; None in a talk without any.
        preview: the latest of them, in small.
        help: the keys are explained.
        typed: the line being typed, if one is.
        question: what waits for y, n or a.
        hint: a word about the keys.
        finished: what finished in this very step, oldest first.
    """

    link: Literal["connecting", "open", "moving", "closed"] = "connecting"
    model: str = ""
    voice: str | None = None
    simulated: bool = False
    ends_at: float | None = None
    moving_because: str = ""
    microphone: Literal["open", "muted", "waiting", "pushed"] = "open"
    lost: frozenset[Literal["microphone", "speaker"]] = frozenset()
    echo: Literal["cancel", "half", "off", "learning", "cancelling"] | None = None
    erle_db: float | None = None
    hearing: bool = False
    waiting_since: float | None = None
    replying: bool = False
    running: tuple[Words | Call, ...] = ()
    answer: TurnLatency | None = None
    barge_in: BargeInLatency | None = None
    spent: Spent = Spent()
    pictures: Pictures | None = None
    preview: PictureShown | None = None
    help: bool = False
    typed: LineTyped | None = None
    question: str | None = None
    hint: str | None = None
    finished: tuple[Finished, ...] = ()

    @property
    def calls(self) -> tuple[Call, ...]:
        """The tool calls that run."""
        return tuple(each for each in self.running if isinstance(each, Call))

    @property
    def doing(self) -> Doing:
        """What is going on, in one word."""
        if self.link != "open":
            return self.link
        if self.hearing:
            return "hearing"
        if self.replying and self.waiting_since is None:
            return "replying"
        if self.calls:
            return "working"
        return "listening" if self.waiting_since is None else "waiting"

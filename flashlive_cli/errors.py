"""
Every error flashlive raises on purpose.

    FlashliveError
    ├─ ConfigError            a setting or an option is wrong
    │  └─ Mistakes            several things are, in files
    ├─ FileError              a file cannot be read, is not what it claims, or cannot be created
    ├─ OutputFailed           a file or pipe stopped taking data in the middle of a talk
    ├─ DeviceError            no such sound device, or it went away
    │  └─ SoundSystemHangs    the system of all of them does not react
    ├─ ToolError              tools.py does not load, or declares what cannot be said
    ├─ ProtocolError
    │  ├─ LocalProtocolError  we tried to send what must not be sent now: our bug
    │  └─ RemoteProtocolError the far end sent what no Live server sends
    ├─ ConnectionRejected     refused for good: bad key, unknown model, no such server
    ├─ ConnectionLost         dropped in the middle
    ├─ NoAnswer               the far end stays silent
    └─ ScenarioFailed         the run answered "no"

A message says what happened, to what, and what to try, which whoever shows that apart finds in `advice`; never the API
key. Only the command line prints one and turns its class into an exit code.
"""


def reason_of(exc: OSError | ValueError) -> str:
    """Say why the system refuses a file or folder; ValueError is its word for a name with a null in it."""
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc)


def advised(words: str, advice: str) -> str:
    """Put what is so and what to do about it into one line; the latter may be empty."""
    return f"{words}; {advice}" if advice else words


class FlashliveError(Exception):
    """
    Whatever flashlive reports to its user in one line, which is what `str` makes of it.

    Attributes:
        words: what happened, and to what.
        advice: what to try; empty where the words say that, or nobody knows.
    """

    def __init__(self, words: str, advice: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.advice = advice

    def __str__(self) -> str:
        return advised(self.words, self.advice)


class ConfigError(FlashliveError):
    """A setting or an option is wrong; the message names it and the nearest valid one."""


class Mistakes(ConfigError):
    """
    Several things are wrong with what is written in files.

    Attributes:
        lines: one for each, as a message of its own.
    """

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class FileError(FlashliveError):
    """A file cannot be read, is not what it claims to be, or cannot be created."""


class OutputFailed(FlashliveError):
    """A file or pipe stopped taking data (disk full, reader gone); what it took before is kept."""


class DeviceError(FlashliveError):
    """A sound device is missing, ambiguous, refuses to open, or went away."""


class SoundSystemHangs(DeviceError):
    """The sound system does not come back from what it was asked; it is not to be asked again."""

    def __init__(
        self, words: str = "the sound system does not react", advice: str = "is your sound server frozen?"
    ) -> None:
        super().__init__(words, advice)


class ToolError(FlashliveError):
    """A tools file does not load, or declares what the Live schema subset cannot say."""


class ProtocolError(FlashliveError):
    """A message that the protocol does not allow."""


class LocalProtocolError(ProtocolError):
    """We were about to send something not allowed now."""


class RemoteProtocolError(ProtocolError):
    """The far end sent something no Live server sends."""


class ConnectionRejected(FlashliveError):
    """
    The service refused us for good.

    Attributes:
        code: WebSocket close code or HTTP status; None when nobody answered the dial.
        reason: the server's own words, possibly cut at 123 bytes.
    """

    def __init__(self, words: str, advice: str = "", *, code: int | None = None, reason: str = "") -> None:
        super().__init__(words, advice)
        self.code = code
        self.reason = reason


class ConnectionLost(FlashliveError):
    """
    The connection ended before we ended it.

    Attributes:
        code: WebSocket close code; 1006 when no close frame arrived.
        reason: the server's own words, possibly empty.
        by_server: the server said goodbye; else the line broke, or we gave up.
    """

    def __init__(self, message: str, *, code: int = 1006, reason: str = "", by_server: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.by_server = by_server


class NoAnswer(FlashliveError):
    """The far end accepted us and then stayed silent past a deadline."""


class ScenarioFailed(FlashliveError):
    """A scenario ran to its end and its expectations were not met."""

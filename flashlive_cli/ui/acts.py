"""What the panel itself is told to show, beside the reports of the talk."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HelpSwitched:
    """The explanation of the keys is shown, or put away."""

    shown: bool


@dataclass(frozen=True, slots=True)
class LineTyped:
    """
    The line being typed is now this.

    Attributes:
        text: the whole line; None where none is being typed (any more).
        cursor: before which character of `text` the next one goes; `len(text)` is its end.
    """

    text: str | None
    cursor: int = 0


@dataclass(frozen=True, slots=True)
class QuestionPut:
    """
    A question waits for one of the keys y (yes), n (no) and a (always).

    Attributes:
        text: what is asked, without the keys; None once it was answered or withdrawn.
    """

    text: str | None


@dataclass(frozen=True, slots=True)
class HintShown:
    """A word about the keys, such as "press q again to quit"; None puts it away."""

    text: str | None


@dataclass(frozen=True, slots=True)
class LineNoted:
    """A line that goes above the panel, from whoever has something to say there."""

    text: str


@dataclass(frozen=True, slots=True)
class PictureShown:
    """
    A picture that the model was shown, in small.

    Attributes:
        width: in pixels, at least 1.
        height: in pixels, at least 1.
        rgb: three bytes a pixel, row by row from the top.
        jpeg: the same as a file.
    """

    width: int
    height: int
    rgb: bytes
    jpeg: bytes


Act = HelpSwitched | LineTyped | QuestionPut | HintShown | LineNoted | PictureShown

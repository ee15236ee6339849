"""What stays of a talk: its recording, and the transcript in a file."""

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from flashlive_cli.cli.casting import Cast
from flashlive_cli.cli.screen import Screen
from flashlive_cli.clock import Clock
from flashlive_cli.config import Config
from flashlive_cli.paths import expanded

if TYPE_CHECKING:
    from flashlive_cli.recording.recorder import Recorder


def open_recorder(
    cast: Cast, settings: Config, clock: Clock, screen: Screen, stack: AsyncExitStack
) -> "Recorder | None":
    """
    Begin to keep the talk, where that is wanted; return what is to see the wire and hear the sound, None for nothing.

    Raises:
        FileError: the folder or the file cannot be written.
    """
    if settings.transcript is not None:
        from flashlive_cli.recording.transcript import TranscriptFile  # noqa: PLC0415 - for who keeps something

        path = expanded(settings.transcript)
        words = TranscriptFile(path, secrets=cast.far_end.secrets, failed=screen.warn_in_thread)
        screen.tell_too(stack.enter_context(words).listen)
    if settings.record is None:
        return None
    from flashlive_cli.audio.rates import Resampler  # noqa: PLC0415 - for who keeps something
    from flashlive_cli.cli.sessions import remember_recordings  # noqa: PLC0415 - the same
    from flashlive_cli.pcm import WIRE_IN, WIRE_OUT  # noqa: PLC0415 - the same
    from flashlive_cli.recording.recorder import Recorder  # noqa: PLC0415 - the same
    from flashlive_cli.reports import RecordingStarted  # noqa: PLC0415 - the same

    directory = expanded(settings.record)
    recorder = Recorder(
        directory,
        clock=clock,
        resampler=partial(Resampler, WIRE_IN.rate_hz, WIRE_OUT.rate_hz),
        secrets=cast.far_end.secrets,
        failed=screen.warn_in_thread,
    )
    stack.enter_context(recorder)
    screen.tell_too(recorder.listen)
    screen.tell(RecordingStarted(str(recorder.folder)))
    remember_recordings(directory)
    return recorder

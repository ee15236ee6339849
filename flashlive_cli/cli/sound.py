"""Ears and mouth of a talk: files, programs or a sound card, opened when the service has accepted the talk."""

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from flashlive_cli.audio.clips import Clip
from flashlive_cli.audio.filemic import WavMicrophone
from flashlive_cli.audio.filespeaker import WavSpeaker
from flashlive_cli.cli.casting import Cast
from flashlive_cli.cli.devices import Side, hands_free_warning
from flashlive_cli.cli.remembered import remember_device
from flashlive_cli.cli.rules import MICROPHONE, PROGRAM, SPEAKER
from flashlive_cli.cli.screen import Screen
from flashlive_cli.clock import Clock
from flashlive_cli.config import Config
from flashlive_cli.errors import DeviceError, FlashliveError
from flashlive_cli.pcm import SILENCE_DBFS, WIRE_OUT
from flashlive_cli.reports import (
    EchoChanged,
    SoundClosed,
    SoundLost,
    SoundReady,
    SoundRestored,
    SpeechEnded,
    SpeechStarted,
)
from flashlive_cli.session.givens import Sound, Spoken, Turn, Typed

if TYPE_CHECKING:
    import asyncio

    from flashlive_cli.audio.cardmic import CardMicrophone
    from flashlive_cli.audio.cardspeaker import CardSpeaker
    from flashlive_cli.audio.ear import Ear
    from flashlive_cli.audio.echo import Echo
    from flashlive_cli.audio.mouth import Mouth
    from flashlive_cli.audio.programmic import ProgramMicrophone
    from flashlive_cli.audio.programspeaker import ProgramSpeaker
    from flashlive_cli.audio.recovery import End, Recovery
    from flashlive_cli.audio.recovery import Side as End_
    from flashlive_cli.cli.choice import Choice
    from flashlive_cli.ui.state import Meters


@dataclass(slots=True)
class _Devices:
    """The devices a talk is to use."""

    microphone: "Choice | None" = None
    speaker: "Choice | None" = None


class TalkSound:
    """
    Opens what a talk hears and speaks through, and reports on it; closed with the stack.

    Belongs to the talk's event loop. See `talk.SoundSource`.
    """

    def __init__(
        self,
        cast: Cast,
        settings: Config,
        clock: Clock,
        screen: Screen,
        stack: AsyncExitStack,
        *,
        failed: Callable[[FlashliveError], None],
        on_played: Callable[[bytes, float], None] | None = None,
    ) -> None:
        """
        Nothing is opened yet.

        Args:
            cast: says what is to be opened.
            settings: of the talk.
            clock: the talk's.
            screen: is told how it goes.
            stack: closes what is opened.
            failed: told that an end is gone for good, or takes nothing any more.
            on_played: takes what was really played; see the speakers.
        """
        self._cast = cast
        self._failed = failed
        self._on_played = on_played
        self._settings = settings
        self._clock = clock
        self._screen = screen
        self._stack = stack
        self._clips = WavMicrophone(clock) if cast.has_clips else None
        self._found: asyncio.Future[_Devices] | None = None
        self._microphone: CardMicrophone | ProgramMicrophone | None = None
        self._speaker: CardSpeaker | ProgramSpeaker | None = None
        self._ears: CardMicrophone | ProgramMicrophone | WavMicrophone | None = None
        self._mouth: Mouth | None = None
        self._echo: Echo | None = None
        self._echo_state = ""
        self._recovery: Recovery | None = None

    def prepare(self) -> None:
        """Load what takes time, and look for the devices in a thread, while the service thinks about the setup."""
        import numpy as np  # noqa: F401, PLC0415 - the first sound needs it; here its 60 ms cost nothing

        if not self._cast.ears and not self._cast.mouth:
            return
        from flashlive_cli.audio.devices import SWITCH_INTERVAL_S  # noqa: PLC0415 - who has files needs no devices
        from flashlive_cli.inthread import begin  # noqa: PLC0415

        self._stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        gc.freeze()  # what is loaded by now stays; looking through it again and again would hold up the sound
        if self._cast.ears == MICROPHONE or self._cast.mouth == SPEAKER:
            self._found = begin(self._find, name="devices")

    def _find(self) -> _Devices:
        """Find the devices, in a thread."""
        found = _Devices()
        if self._cast.ears == MICROPHONE:
            found.microphone = self._find_one("input", self._settings.input_device)
        if self._cast.mouth == SPEAKER:
            found.speaker = self._find_one("output", self._settings.output_device)
        return found

    def _find_one(self, side: Side, wanted: str | None) -> "Choice":
        from flashlive_cli.cli.choice import choose_device  # noqa: PLC0415 - see `prepare`

        choice = choose_device(side, wanted)
        if choice.missing is not None:
            name = choice.device.name
            self._screen.warn_in_thread(f"{choice.missing}, chosen last time, is not there: using {name}")
        return choice

    async def open(self) -> Sound:
        """
        Open both ends; only now is an output file that was there overwritten.

        Raises:
            DeviceError: there is no such device, or it cannot be opened.
            ConfigError: more than one device fits.
            FileError: the output cannot be created.
        """
        devices = await self._devices()
        self._stack.callback(self._report_closed)  # when both ends are closed
        if devices.microphone is not None or devices.speaker is not None:
            self._recovery = self._make_recovery()
        self._mouth = speaker = await self._open_speaker(devices.speaker)
        if self._on_played is not None:
            speaker.on_played = self._on_played
        self._ears = microphone = await self._open_microphone(devices.microphone)
        if self._microphone is not None or self._speaker is not None:
            self._report_ready()
            self._remember("input", devices.microphone)
            self._remember("output", devices.speaker)
        if self._recovery is not None:
            await self._stack.enter_async_context(self._recovery.running())
        return Sound(speaker, microphone)

    def meters(self) -> "Meters | None":
        """Tell how loud it is, from any thread; None before all is open."""
        from flashlive_cli.ui.state import Meters  # noqa: PLC0415 - for who has a panel

        ears, mouth = self._ears, self._mouth
        if mouth is None:
            return None
        return Meters(
            microphone_dbfs=ears.level_dbfs if ears else SILENCE_DBFS,
            speaking=ears.speaking if ears else False,
            speaker_dbfs=mouth.level_dbfs,
            held_ms=WIRE_OUT.ms_of(mouth.held_frames),
            underruns=mouth.underruns,
            lost_ms=self._microphone.lost_ms if self._microphone else 0.0,
        )

    async def _devices(self) -> _Devices:
        if self._found is None:
            return _Devices()
        from flashlive_cli.cli.choice import found_in_time  # noqa: PLC0415 - see `prepare`

        return await found_in_time(self._found)

    async def _open_speaker(self, choice: "Choice | None") -> "CardSpeaker | ProgramSpeaker | WavSpeaker":
        mouth = self._cast.mouth
        if mouth is not None and mouth.startswith(PROGRAM):
            from flashlive_cli.audio.programspeaker import ProgramSpeaker  # noqa: PLC0415 - for who uses one

            program = ProgramSpeaker(self._clock, mouth.removeprefix(PROGRAM), lost=self._failed)
            self._stack.push_async_callback(program.close)
            self._speaker = program
            return program
        if choice is None:
            file = WavSpeaker.open(self._clock, self._cast.outputs.voice, failed=self._failed)
            self._stack.push_async_callback(file.close)
            return file
        from flashlive_cli.audio.cardspeaker import CardSpeaker  # noqa: PLC0415 - see `prepare`
        from flashlive_cli.audio.echo import reference_ring  # noqa: PLC0415 - see `prepare`

        echoes = self._cast.ears == MICROPHONE and self._settings.echo != "off"
        card = await CardSpeaker.open(
            self._clock,
            choice.device,
            lost=partial(self._recovery_of_cards.lost, "speaker"),
            make_reference=reference_ring if echoes else None,
        )
        self._stack.push_async_callback(card.close)
        self._speaker = card
        self._watch("speaker", card, choice)
        return card

    async def _open_microphone(
        self, choice: "Choice | None"
    ) -> "CardMicrophone | ProgramMicrophone | WavMicrophone | None":
        ears = self._cast.ears
        if ears is None:
            if self._clips is not None:
                self._stack.push_async_callback(self._clips.close)
            return self._clips
        if choice is None:
            from flashlive_cli.audio.programmic import ProgramMicrophone  # noqa: PLC0415 - for who uses one

            program = ProgramMicrophone(
                self._clock,
                ears.removeprefix(PROGRAM),
                self._make_ear(),
                lost=self._failed,
                on_trouble=self._screen.warn,
            )
            self._stack.push_async_callback(program.close)
            self._microphone = program
            return program
        from flashlive_cli.audio.cardmic import CardMicrophone  # noqa: PLC0415 - see `prepare`

        card = await CardMicrophone.open(
            self._clock,
            choice.device,
            self._make_ear(),
            lost=partial(self._recovery_of_cards.lost, "microphone"),
        )
        self._stack.push_async_callback(card.close)
        self._microphone = card
        self._watch("microphone", card, choice)
        self._echo = self._make_echo(card, self._settings.echo)
        if self._echo is not None:
            card.clean = self._clean
        return card

    def _make_recovery(self) -> "Recovery":
        from flashlive_cli.audio import recovery  # noqa: PLC0415 - see `prepare`
        from flashlive_cli.audio.recovery import Recovery  # noqa: PLC0415 - the same

        return Recovery(on_lost=self._lost, on_back=self._back, gave_up=self._failed, patience_s=recovery.PATIENCE_S)

    @property
    def _recovery_of_cards(self) -> "Recovery":
        assert self._recovery is not None, "made before a card is opened"
        return self._recovery

    def _watch(self, side: "End_", end: "End", choice: "Choice") -> None:
        """Have an end brought back when it is lost: through the device that was chosen, or else the system's choice."""
        settings = self._settings
        asked = settings.input_device if side == "microphone" else settings.output_device
        is_usual = choice.why == "system's default" or (asked or "").casefold() == "default"
        self._recovery_of_cards.watch(side, end, None if is_usual else choice.device.name)

    def _lost(self, side: "End_", device: str, reason: str) -> None:
        from flashlive_cli.audio.recovery import PATIENCE_S  # noqa: PLC0415 - see `prepare`

        self._screen.tell(SoundLost(side, device, reason, PATIENCE_S))

    def _back(self, side: "End_", away_s: float) -> None:
        """Report it; the echo takes another way now, and is learned anew."""
        end = self._microphone if side == "microphone" else self._speaker
        assert end is not None, "it was lost"
        self._screen.tell(SoundRestored(side, end.name, end.pcm.rate_hz, 1000 * end.latency_s, 1000 * away_s))
        if self._echo is not None and self._microphone is not None:
            self._echo = self._make_echo(self._microphone, self._echo.mode)

    def _make_ear(self) -> "Ear":
        from flashlive_cli.audio.ear import Ear  # noqa: PLC0415 - see `prepare`

        return Ear(on_speech=self._spoke, on_trouble=self._screen.warn)

    def _spoke(self, started: bool) -> None:
        self._screen.tell(SpeechStarted("local") if started else SpeechEnded("local"))

    def _make_echo(self, microphone: "CardMicrophone | ProgramMicrophone", mode: str) -> "Echo | None":
        from flashlive_cli.audio.cardspeaker import CardSpeaker  # noqa: PLC0415 - see `prepare`
        from flashlive_cli.audio.echo import Echo  # noqa: PLC0415 - see `prepare`

        speaker = self._speaker
        if not isinstance(speaker, CardSpeaker) or speaker.reference is None:
            return None
        delay_ms = round(1000 * (speaker.latency_s + microphone.latency_s))
        make: Callable[..., Echo] = partial(
            Echo,
            reference=speaker.reference,
            reference_format=speaker.pcm,
            delay_ms=delay_ms,
            on_fallback=self._screen.warn,
        )
        if mode == "half":
            return make("half")
        try:
            return make("cancel")
        except DeviceError as error:
            if mode == "cancel":
                raise
            self._screen.warn(f"{error}: half duplex, the microphone is off while the reply sounds")
            return make("half")

    def _clean(self, chunk: bytes) -> bytes:
        """Take the echo out of a chunk, and report what that has come to."""
        assert self._echo is not None, "set together"
        clean = self._echo(chunk)
        if self._echo.state != self._echo_state:
            self._echo_state = self._echo.state
            self._screen.tell(EchoChanged(self._echo.state, self._echo.erle_db))
        return clean

    def _report_ready(self) -> None:
        microphone, speaker = self._microphone, self._speaker
        echo = self._echo.mode if self._echo else "off" if self._cast.ears == MICROPHONE else None
        self._screen.tell(
            SoundReady(
                microphone=microphone.name if microphone else None,
                microphone_rate_hz=microphone.pcm.rate_hz if microphone else None,
                microphone_latency_ms=1000 * microphone.latency_s if microphone else None,
                speaker=speaker.name if speaker else None,
                speaker_rate_hz=speaker.pcm.rate_hz if speaker else None,
                speaker_latency_ms=1000 * speaker.latency_s if speaker else None,
                echo=echo,
            )
        )

    def _report_closed(self) -> None:
        if self._microphone is None and self._speaker is None:
            return
        self._screen.tell(
            SoundClosed(
                underruns=self._speaker.underruns if self._speaker else 0,
                microphone_lost_ms=self._microphone.lost_ms if self._microphone else 0.0,
                erle_db=self._echo.erle_db if self._echo else None,
            )
        )

    def _remember(self, side: Side, choice: "Choice | None") -> None:
        """Keep what was chosen by a flag, for the next talk; and warn of what will sound like a telephone."""
        if choice is None:
            return
        device = choice.device
        if device.seems_hands_free:
            self._screen.warn(hands_free_warning(device))
        chosen = self._cast.chosen_devices.get(side)
        if chosen is not None:
            remember_device(side, None if chosen.casefold() == "default" else device.name)

    def turns(self) -> Iterator[Turn] | None:
        """Say what was given, in order; None for a talk by microphone."""
        if self._cast.ears is not None:
            return None
        return (
            Typed(turn.value, pictures=turn.pictures) if clip is None else Spoken(clip.name, partial(self._speak, clip))
            for turn, clip in self._cast.turns
        )

    async def _speak(self, clip: Clip) -> None:
        assert self._clips is not None, "there is one where there are clips"
        await self._clips.play(clip)
        for warning in clip.warnings:
            self._screen.warn(warning)

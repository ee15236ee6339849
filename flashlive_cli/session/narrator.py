"""
What the server says and the speaker plays, turned into reports: transcripts, replies, latencies. Pure.

The transcript of a reply runs ahead of its sound, and a barge-in leaves words that nobody heard. So each piece of
it is anchored to the sound that had arrived when it came, and a cut reply's words are divided where playback
really stopped.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, assert_never

from flashlive_cli.pcm import WIRE_OUT
from flashlive_cli.protocol import events as e
from flashlive_cli.reports import (
    BargeInLatency,
    ReplyComplete,
    ReplyFirstSample,
    ReplyFlushed,
    ReplyStarted,
    Report,
    SessionLeaving,
    SpeechEnded,
    SpeechStarted,
    Transcript,
    TurnLatency,
    UsageReported,
)
from flashlive_cli.session.bill import Bill

SPOKEN_CHARS_PER_S: Final = 15.0
"""How fast the prebuilt voices speak English, roughly: places the last words of a reply that was cut."""

LONGEST_WORD: Final = 24
"""Characters; what is longer has no spaces to be divided at."""


@dataclass(slots=True)
class Reply:
    """
    One reply as far as it has come.

    Attributes:
        pieces: words, each with the frames of sound that had arrived before it.
        received_frames: sound arrived, at 24 kHz.
        begins_at_frame: where its sound begins in the speaker's count of played frames.
        audio_s: when its first sound came.
        asked_s: when the user's question to it ended; None where not known.
        content_s: when the first of the answer came, a tool call maybe.
        sounded: its first sample was played.
        interrupted: the user cut in.
        heard_frames: sound played, known once it is cut.
    """

    begins_at_frame: int
    pieces: list[tuple[str, int]] = field(default_factory=list)
    received_frames: int = 0
    audio_s: float | None = None
    asked_s: float | None = None
    content_s: float = 0.0
    sounded: bool = False
    interrupted: bool = False
    heard_frames: int = 0
    _message_s: float | None = None
    _before_message: int = 0

    def take(self, n_frames: int, now: float) -> int:
        """Count sound of the message that came `now`; return `n_frames`."""
        if now != self._message_s:
            self._message_s, self._before_message = now, self.received_frames
        self.received_frames += n_frames
        return n_frames

    def say(self, text: str, now: float) -> None:
        """Add words; those that share a message with sound begin where that sound does."""
        self.pieces.append((text, self._before_message if now == self._message_s else self.received_frames))

    @property
    def text(self) -> str:
        """All words, heard or not."""
        return "".join(text for text, _ in self.pieces)

    def heard(self) -> str:
        """Return the words that were played: all, or those up to the cut, ending with a whole word."""
        if not self.interrupted:
            return self.text
        heard = ""
        for index, (text, begins) in enumerate(self.pieces):
            if index + 1 < len(self.pieces):
                ends = self.pieces[index + 1][1]
            else:
                ends = max(self.received_frames, begins + round(len(text) / SPOKEN_CHARS_PER_S * WIRE_OUT.rate_hz))
            if ends <= self.heard_frames:
                heard += text
                continue
            if self.heard_frames > begins:
                heard += _whole_words(text, (self.heard_frames - begins) / (ends - begins))
            break
        return heard


def _whole_words(text: str, share: float) -> str:
    """Return the beginning of `text` of about that share, without half a word at its end."""
    cut = int(len(text) * share)
    if cut >= len(text) or text[cut].isspace():
        return text[:cut]
    begins = max(text.rfind(" ", 0, cut), text.rfind("\n", 0, cut)) + 1
    if cut - begins > LONGEST_WORD or any(unicodedata.east_asian_width(char) in "WF" for char in text[begins:cut]):
        return text[:cut]  # Chinese, Japanese, Thai put no spaces between words
    return text[:begins].rstrip()


class Narrator:
    """
    Keeps the story of one talk and tells it as reports.

    Belongs to the event loop. Times are of the talk's clock, in seconds.

    Attributes:
        turn: the server's turn, from 1.
        reply_started_s: when the latest reply (or tool call) began, that did not break off.
        turn_completed_s: when the latest turn ended.
    """

    def __init__(self, report: Callable[[Report], None], bill: Bill) -> None:
        """Tell by `report`; what the service counts is put on the `bill`."""
        self.turn = 1
        self.reply_started_s: float | None = None
        self.turn_completed_s: float | None = None
        self._report = report
        self._bill = bill
        self._reply: Reply | None = None
        self._latest: Reply | None = None
        self._enqueued_frames = 0
        self._user_words = ""
        self._unheeded = False  # the server goes on with a reply that was stopped
        self._asked_s: float | None = None
        self._content_s: float | None = None
        self._cut: tuple[float, float | None] | None = None  # when, and how long after the user began to speak

    @property
    def spent_usd(self) -> float | None:
        """What the talk has cost so far; None where the model's price is not known."""
        return self._bill.total_usd

    def typed(self, text: str, now: float) -> None:
        """Note that the user's typed line went out."""
        self._close_cut_reply()
        self._asked_s, self._content_s = now, None
        self._report(Transcript("user", text, final=True))

    def listening(self) -> None:
        """Note that a spoken turn begins: what was asked and answered before is another's."""
        self._asked_s = self._content_s = None

    def told(self, event: e.Event, now: float, *, asked_s: float | None) -> None:
        """
        Note what the server said.

        Args:
            event: anything but `Interrupted`, which needs the speaker's figures: see `interrupted`.
            now: when it arrived.
            asked_s: when the user's speech last ended, as far as the microphone knows.
        """
        match event:
            case e.InputTranscript(text, interim):
                self._unheeded = False
                self._close_cut_reply()
                if not interim:
                    self._user_words += text
                    self._report(Transcript("user", text, final=False))
            case e.SpeechStarted(offset_s):
                self._report(SpeechStarted("server", offset_s))
            case e.SpeechEnded(offset_s):
                self._report(SpeechEnded("server", offset_s))
                self._finish_user()
            case e.AudioChunk(pcm):
                reply = self._reply_at(now, asked_s)
                reply.audio_s = now if reply.audio_s is None else reply.audio_s
                self._enqueued_frames += reply.take(WIRE_OUT.frames_in(len(pcm)), now)
            case e.OutputTranscript() | e.ModelText() if self._unheeded:
                pass
            case e.OutputTranscript(text) | e.ModelText(text):
                reply = self._reply if self._reply and self._reply.interrupted else self._reply_at(now, asked_s)
                reply.say(text, now)
                self._report(Transcript("model", text, final=False))
            case e.ToolCall():
                self._finish_user()
                self._first_content(now, asked_s)
                self.reply_started_s = now
            case e.TurnComplete(reason):
                self._unheeded = False
                self._finish_user()
                self._finish_reply(reason)
                self.turn_completed_s = now
                self.turn += 1
            case e.Usage():
                self._report(self._billed(event))
            case e.GoAway(time_left_s):
                self._report(SessionLeaving(time_left_s))
            case (
                e.SetupComplete()
                | e.Thought()
                | e.Grounded()
                | e.Interrupted()
                | e.GenerationComplete()
                | e.InteractionChanged()
                | e.ToolCallCancelled()
                | e.HandleIssued()
            ):
                pass
            case _:
                assert_never(event)

    def interrupted(
        self,
        now: float,
        *,
        played_frames: int,
        dropped_frames: int,
        spoke_s: float | None,
        by: Literal["speech", "key", "end"] = "speech",
    ) -> None:
        """
        Note that the user cut in, and what the flush took away.

        After a key the server, which may know nothing of it, goes on; what it says is no part of the story.

        Args:
            now: when `Interrupted` arrived, or the key was pressed.
            played_frames: the speaker's count of frames played, at the flush.
            dropped_frames: frames that the flush took.
            spoke_s: when the user began to speak, where the microphone knows.
            by: how.
        """
        if self._asked_s is None or self._asked_s <= (self.reply_started_s or 0.0):  # else it is what cut in
            self._asked_s = None
        self._content_s = None
        self._enqueued_frames = played_frames
        reply = self._reply
        if reply is None or reply.interrupted:
            return
        reply.interrupted = True
        reply.heard_frames = max(0, played_frames - reply.begins_at_frame)
        self._report(ReplyFlushed(WIRE_OUT.ms_of(reply.heard_frames), WIRE_OUT.ms_of(dropped_frames), by))
        after_ms = (now - spoke_s) * 1000 if spoke_s is not None and spoke_s <= now else None
        self._cut = (now, after_ms)
        if by == "key":
            self._unheeded = True
            self._finish_reply(None)

    def silent(self, now: float) -> None:
        """Note that the speaker has nothing left to play."""
        if self._cut is not None:
            (interrupted_s, after_ms), self._cut = self._cut, None
            self._report(BargeInLatency(after_ms, max(0.0, now - interrupted_s) * 1000))

    def playing(self, now: float) -> None:
        """Note that the speaker began to play a reply."""
        self._cut = None  # the silence before it was too short to be noticed
        reply = self._latest
        if reply is None or reply.interrupted or reply.sounded or reply.audio_s is None:
            return
        reply.sounded = True
        self._report(ReplyFirstSample())
        if reply.asked_s is not None and reply.asked_s <= reply.content_s:
            self._report(
                TurnLatency(
                    speech_end_to_content_ms=1000 * (reply.content_s - reply.asked_s),
                    content_to_audio_ms=1000 * (reply.audio_s - reply.content_s),
                    audio_to_sample_ms=1000 * (now - reply.audio_s),
                    total_ms=1000 * (now - reply.asked_s),
                )
            )

    def broke_off(self, now: float, *, answered: bool) -> None:
        """Note that the connection has gone, and with it a reply; or only its end, where all was `answered`."""
        self._unheeded = False
        self._finish_user()
        self._finish_reply(None if answered else "the connection broke")
        if not answered:
            self.reply_started_s = None  # what had begun of an answer is none
        elif self.turn_completed_s is None or self.turn_completed_s < (self.reply_started_s or 0.0):
            self.turn_completed_s = now
            self.turn += 1

    def ended(self) -> None:
        """Note that the talk is over: whatever was still being said has been said."""
        self._finish_user()
        self._finish_reply(None)
        self._cut = None  # the silence at the end is no answer to anybody

    def _reply_at(self, now: float, asked_s: float | None) -> Reply:
        """Return the reply that is running, a new one if none is."""
        self._close_cut_reply()
        if self._reply is None:
            self._finish_user()
            self._first_content(now, asked_s)
            self._reply = self._latest = Reply(
                begins_at_frame=self._enqueued_frames, asked_s=self._asked_s, content_s=self._content_s or now
            )
            self._asked_s = self._content_s = None
            self.reply_started_s = now
            self._report(ReplyStarted())
        return self._reply

    def _first_content(self, now: float, asked_s: float | None) -> None:
        """Note the first of an answer: a reply, or a tool call before it."""
        if self._content_s is None:
            self._asked_s = asked_s if self._asked_s is None else self._asked_s
            self._content_s = now

    def _finish_user(self) -> None:
        """The service never says that a user's transcript is final: the first thing after it does."""
        if self._user_words.strip():
            self._report(Transcript("user", self._user_words.strip(), final=True))
        self._user_words = ""

    def _close_cut_reply(self) -> None:
        """End a cut reply that got no `TurnComplete`: something new has begun."""
        if self._reply and self._reply.interrupted:
            self._finish_reply(None)

    def _finish_reply(self, reason: str | None) -> None:
        reply, self._reply = self._reply, None
        if reply is None:
            return
        if reply.text.strip():
            self._report(Transcript("model", reply.text.strip(), final=True, heard=reply.heard().strip()))
        self._report(ReplyComplete(WIRE_OUT.ms_of(reply.received_frames), reply.interrupted, reason))

    def _billed(self, usage: e.Usage) -> UsageReported:
        return UsageReported(
            prompt_tokens=usage.prompt,
            response_tokens=usage.response,
            thought_tokens=usage.thoughts,
            total_tokens=usage.total,
            prompt_tokens_by_modality=dict(usage.prompt_by_modality),
            response_tokens_by_modality=dict(usage.response_by_modality),
            cost_usd=self._bill.add(usage),
            total_cost_usd=self._bill.total_usd,
        )

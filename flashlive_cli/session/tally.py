"""What a talk comes to, added up from its reports. Pure."""

from collections.abc import Sequence
from statistics import median

from flashlive_cli.reports import (
    BargeInLatency,
    ReplyFlushed,
    Report,
    TalkSummary,
    ToolCalled,
    TurnLatency,
    VideoSent,
)
from flashlive_cli.session.bill import Bill


class Tally:
    """Counts reports of one talk; see `TalkSummary`."""

    def __init__(self) -> None:
        self._barge_ins = 0
        self._tool_calls = 0
        self._pictures = 0
        self._first_content_ms: list[float] = []
        self._first_sample_ms: list[float] = []
        self._silence_ms: list[float] = []

    def note(self, report: Report) -> None:
        """Count a report; most count for nothing."""
        match report:
            case ReplyFlushed() if report.by != "end":
                self._barge_ins += 1
            case ToolCalled():
                self._tool_calls += 1
            case VideoSent():
                self._pictures += 1
            case TurnLatency():
                self._first_content_ms.append(report.speech_end_to_content_ms)
                self._first_sample_ms.append(report.total_ms)
            case BargeInLatency():
                self._silence_ms.append(report.interrupted_to_silence_ms)
            case _:
                pass

    def summary(self, *, duration_s: float, turns: int, bill: Bill) -> TalkSummary:
        """Sum up; tokens and money are on the bill, or not known where the service has counted nothing."""
        return TalkSummary(
            duration_s=duration_s,
            turns=turns,
            barge_ins=self._barge_ins,
            tool_calls=self._tool_calls,
            median_first_content_ms=_median(self._first_content_ms),
            median_first_sample_ms=_median(self._first_sample_ms),
            median_silence_ms=_median(self._silence_ms),
            prompt_tokens_by_modality=bill.tokens_in,
            response_tokens_by_modality=bill.tokens_out,
            cost_usd=bill.total_usd if bill.tokens_in or bill.tokens_out else None,
            pictures=self._pictures,
        )


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None

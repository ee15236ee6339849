"""Outcomes to report on: plain values, as a run would have left them."""

from typing import Any

from flashlive_cli.scenario.outcome import CallMade, Check, Figures, Outcome, TurnOutcome

HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m\u202e\ud800\ufffe\x00 & ]]> \"'"
"""Whatever a model, a tool or a file name might say."""


def figures(**measured: float | None) -> Figures:
    nothing: dict[str, float | None] = dict.fromkeys(Figures.__dataclass_fields__)
    return Figures(**(nothing | measured))


def turn(number: int = 1, *checks: Check, **fields: Any) -> TurnOutcome:
    known: dict[str, Any] = {
        "said": "where-is-my-order.wav",
        "heard": "Where is my order?",
        "reply": "It has shipped.",
        "calls": (CallMade("check_order", {"order_id": "A-1001"}, True, {"output": {"status": "shipped"}}),),
        "figures": figures(first_audio_ms=912.34, complete_ms=3100.0),
    }
    return TurnOutcome(number=number, checks=checks, **(known | fields))


def outcome(name: str = "order", status: str = "passed", **fields: Any) -> Outcome:
    known: dict[str, Any] = {
        "id": name,
        "name": name,
        "path": f"suite/{name}.toml",
        "variant": {},
        "repetition": 1,
        "seed": 0,
        "status": status,
        "error": None,
        "error_kind": None,
        "turns": (turn(),),
        "checks": (),
        "warnings": (),
        "model": "gemini-3.1-flash-live-preview",
        "simulated": True,
        "duration_s": 6.2,
        "took_s": 0.7,
        "cost_usd": 0.0123,
    }
    return Outcome(**(known | fields))


LATE = Check("first_audio_within_ms", False, "at most 500 ms", "", measured=912.3, unit="ms", at_s=4.2)
HEARD = Check("heard", True, "/order/", "'Where is my order?'", at_s=2.1)


def failed(name: str = "slow", **fields: Any) -> Outcome:
    return outcome(name, "failed", **({"turns": (turn(1, HEARD, LATE),)} | fields))


def broken(name: str = "unreachable", **fields: Any) -> Outcome:
    told = {"error": "the service refused: quota exceeded", "error_kind": "service", "turns": (), "cost_usd": None}
    return outcome(name, "error", **(told | fields))

"""The first exchange of a connection: the setup goes out, and the service accepts or refuses it."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConnectionLost, ConnectionRejected, NoAnswer
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol import events as e
from flashlive_cli.protocol.families import CURRENT_MODEL, Model
from flashlive_cli.protocol.machine import LiveProtocol, State
from flashlive_cli.session.connection import Connection
from flashlive_cli.session.endpoint import Endpoint
from flashlive_cli.session.verdict import INVALID, Cause, cause_of

_log: Final = logging.getLogger("flashlive.session")


async def set_up(
    connection: Connection,
    protocol: LiveProtocol,
    setup: c.Setup,
    *,
    endpoint: Endpoint,
    model: Model,
    clock: Clock,
    patience_s: float,
    meanwhile: Callable[[], None] = lambda: None,
) -> list[e.Event]:
    """
    Send the setup and wait until it is accepted; return all that the server said on the way, in order.

    Fields may share a message: with the acceptance may come what is of the talk, such as `GoAway`.

    Args:
        connection: freshly dialled.
        protocol: its state; in `SETUP`.
        setup: shaped for the model.
        endpoint: the far end, for errors.
        model: the same.
        clock: times the messages.
        patience_s: how long to wait.
        meanwhile: done once the setup is on its way.

    Raises:
        ConnectionRejected: the service refused it.
        NoAnswer: it said nothing.
        RemoteProtocolError: it said what is no Live API message.
    """
    _log.debug("setup: %s", setup)
    protocol.send(setup)
    said: list[e.Event] = []
    try:
        async with asyncio.timeout(patience_s):
            for message in protocol.messages_to_send():
                await connection.send(message)
            meanwhile()
            while protocol.state is State.SETUP:
                said += protocol.receive_message(await connection.receive(), clock.now())
    except TimeoutError as exc:
        raise NoAnswer(f"{endpoint.host} did not answer the setup within {patience_s:g} s") from exc
    except ConnectionLost as exc:
        raise _rejected(exc, model) from exc
    return said


def _rejected(lost: ConnectionLost, model: Model) -> ConnectionRejected:
    """Say what a close during setup means: there it is the service's way to refuse."""
    if not lost.by_server:
        return ConnectionRejected(f"{lost}, before the setup was answered", code=lost.code, reason=lost.reason)
    words = f"the service refused the setup ({lost.code}: {lost.reason or 'no reason given'})"
    hint = refusal_hint(lost.code, lost.reason, model)
    return ConnectionRejected(words, hint, code=lost.code, reason=lost.reason)


def refusal_hint(code: int, reason: str, model: Model) -> str:
    """Return what to do about a setup that was refused; nothing where that is not known."""
    match cause_of(reason):
        case Cause.KEY:
            return "get a key at https://aistudio.google.com/apikey and set GEMINI_API_KEY"
        case Cause.QUOTA:
            return "wait, or see https://ai.google.dev/gemini-api/docs/rate-limits"
        case Cause.MODEL:
            return f"is {model.id} gone? try --model {CURRENT_MODEL}"
        case None:
            return "flashlive models shows what each model takes" if code == INVALID else ""

"""The service itself: a WebSocket and the smallest setup, as a talk does them."""

import time
from dataclasses import replace

from flashlive_cli.cli.checks import Check, Tell, failure, ms
from flashlive_cli.clock import Clock
from flashlive_cli.config import Config
from flashlive_cli.errors import ConfigError, ConnectionRejected, FlashliveError
from flashlive_cli.protocol.commands import Setup
from flashlive_cli.protocol.families import Model, find_model, shape
from flashlive_cli.protocol.machine import LiveProtocol
from flashlive_cli.session.connection import Connection, dial
from flashlive_cli.session.endpoint import Endpoint
from flashlive_cli.session.opening import set_up
from flashlive_cli.session.verdict import Cause, cause_of

_LATER = "try again in a minute; is the URL right?"
_ANOTHER_KEY = "this server wants another key: set GEMINI_API_KEY to the one that it takes"


async def check_service(endpoint: Endpoint, settings: Config, *, has_key: bool, tell: Tell) -> None:
    """Dial; with a key, have the configured model accept a setup; say goodbye."""
    begun = time.perf_counter()
    try:
        connection = await dial(endpoint, timeout_s=settings.setup_timeout_s)
    except FlashliveError as error:
        tell(failure("websocket", error, _LATER))
        tell(Check("setup", "skipped", "not tried", "mend websocket first"))
        return
    took = ms(time.perf_counter() - begun)
    async with connection:
        found = f"{endpoint.host} opens one ({took:g} ms, with the steps above)"
        tell(Check("websocket", "ok", found, figures={"dial_ms": took}))
        if has_key:
            tell(await _check_setup(connection, endpoint, settings))
        else:
            tell(Check("setup", "skipped", "not tried", "mend key first"))


async def _check_setup(connection: Connection, endpoint: Endpoint, settings: Config) -> Check:
    try:
        model = find_model(settings.model)
    except ConfigError as error:
        return failure("setup", error)
    setup, _ = shape(
        Setup(
            model=model.resource, transcribe_input=False, transcribe_output=False, compress_context=False,
            resumable=False,
        ),
        model.family,
    )  # fmt: skip
    begun = time.perf_counter()
    try:
        await set_up(
            connection,
            LiveProtocol(model.family),
            setup,
            endpoint=endpoint,
            model=model,
            clock=Clock(),
            patience_s=settings.setup_timeout_s,
        )
    except FlashliveError as error:
        return _refusal(error, model, endpoint)
    took = ms(time.perf_counter() - begun)
    figures = {"model": model.id, "setup_ms": took}
    if model.oddity:
        found = f"accepted ({took:g} ms); {model.oddity}"
        return Check("setup", "warning", found, model.advice or "see flashlive models", figures)
    return Check("setup", "ok", f"{model.id} accepts one ({took:g} ms)", figures=figures)


def _refusal(error: FlashliveError, model: Model, endpoint: Endpoint) -> Check:
    if not isinstance(error, ConnectionRejected):
        return failure("setup", error, _LATER, model=model.id)
    check = failure("setup", error, _LATER, model=model.id, close_code=error.code, close_reason=error.reason)
    if endpoint.is_loopback and cause_of(error.reason) is Cause.KEY:
        return replace(check, advice=_ANOTHER_KEY)
    return check

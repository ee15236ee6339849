"""A talk that moves to another connection: what is resumed, what is refused, what is forgotten."""

import asyncio
from typing import Any

from flashlive_cli.protocol import commands as c
from flashlive_cli.reports import SessionMoving, SessionResumed, Warned
from flashlive_cli.session.givens import Typed

ACCEPTED = {"setupComplete": {}, "sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}}

SOON = (0.01,) * 5


class News:
    """New tools, from the start."""

    def __init__(self, *names: str) -> None:
        self.pending = asyncio.Event()
        self.pending.set()
        self.offered = tuple(c.FunctionDeclaration(name) for name in names)
        self.taken: bool | None = None

    def settle(self, *, taken: bool) -> None:
        self.taken = taken
        self.pending.clear()


class FarEnd:
    """Takes setups as told, one connection after another; the last one answers the typed line."""

    def __init__(self, *fates: tuple[int, str] | None) -> None:
        self.setups: list[dict[str, Any]] = []
        self._fates = list(fates)

    async def __call__(self, peer: Any) -> None:
        fate = self._fates.pop(0)
        self.setups.append((await peer.next())["setup"])
        if fate is not None:
            await peer.socket.close(*fate)
            return
        await peer.say(ACCEPTED)
        if not self._fates:
            await peer.next()
            await peer.answer()
        await peer.socket.wait_closed()

    def handles(self) -> list[str | None]:
        return [setup.get("sessionResumption", {}).get("handle") for setup in self.setups]

    def tools(self) -> list[list[str]]:
        return [
            [f["name"] for tool in setup.get("tools", ()) for f in tool.get("functionDeclarations", ())]
            for setup in self.setups
        ]


async def test_new_tools_are_told_over_the_same_session(loopback) -> None:
    far_end, news = FarEnd(None, None), News("new")
    talk = loopback(far_end)
    await talk.hold(Typed("hi"), renewal=news, delays=SOON)

    assert talk.error is None
    assert far_end.handles() == [None, "h1"]
    assert far_end.tools() == [[], ["new"]]
    assert news.taken
    assert [r.resumed for r in talk.told(SessionResumed)] == [True]
    assert len(talk.told(SessionMoving)) == 1


async def test_not_yet_is_no_no(loopback) -> None:
    far_end = FarEnd(None, (1011, "Internal error encountered."), None)
    talk = loopback(far_end)
    await talk.hold(Typed("hi"), renewal=News("new"), delays=SOON)

    assert far_end.handles() == [None, "h1", "h1"]
    assert talk.told(SessionResumed)[0].resumed


async def test_a_session_that_the_service_has_forgotten_begins_anew(loopback) -> None:
    far_end = FarEnd(None, (1008, "Requested entity was not found."), None)
    talk = loopback(far_end)
    await talk.hold(Typed("hi"), renewal=News("new"), delays=SOON)

    assert far_end.handles() == [None, "h1", None]
    assert not talk.told(SessionResumed)[0].resumed


async def test_tools_that_the_service_refuses_leave_those_of_before(loopback) -> None:
    far_end, news = FarEnd(None, (1007, "Request contains an invalid argument."), None), News("new")
    talk = loopback(far_end)
    await talk.hold(Typed("hi"), renewal=news, delays=SOON)

    assert talk.error is None
    assert far_end.handles() == [None, "h1", "h1"]
    assert far_end.tools() == [[], ["new"], []]
    assert news.taken is False
    assert any("refused the new tools" in r.message for r in talk.told(Warned))


async def test_a_call_that_comes_again_over_the_new_connection_is_answered_again(loopback) -> None:
    """The service asks once more for what it did not get; the tool is not run twice."""
    news, answers, called = News("later"), [], []
    news.pending.clear()

    class Tools:
        names = ("order",)

        def asks(self, name: str) -> bool:
            return False

        def scheduling(self, name: str) -> None:
            return None

        async def outcomes(self, name: str, args: object) -> Any:
            called.append(name)

            class Done:
                response: dict[str, object] = {"output": "ordered"}  # noqa: RUF012 - never changed
                final = True

            yield Done()

    async def far_end(peer: Any) -> None:
        await peer.next()
        await peer.say(ACCEPTED)
        await peer.next()
        await peer.say({"toolCall": {"functionCalls": [{"id": "a", "name": "order", "args": {}}]}})
        answers.append((await peer.next())["toolResponse"]["functionResponses"][0])
        if len(answers) == 1:
            news.pending.set()
            await peer.say({"serverContent": {"outputTranscription": {"text": "Hi."}}})
            await peer.end_turn()
            await peer.socket.wait_closed()
        else:
            await peer.answer()

    talk = loopback(far_end)
    await talk.hold(Typed("order"), Typed("and?"), tools=Tools(), renewal=news, delays=SOON)

    assert talk.error is None
    assert called == ["order"]
    assert [answer["response"] for answer in answers] == [{"output": "ordered"}] * 2

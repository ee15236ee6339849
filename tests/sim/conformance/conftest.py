"""Each rule of the Live API, held by each model family it holds for; `table.py` prints which."""

from typing import Any

import pytest

MODELS = {
    "3.1": "models/gemini-3.1-flash-live-preview",
    "3.8": "models/gemini-3.8-live",
    "3.8 ET": "models/gemini-3.8-live-extended-thinking",
    "2.5": "models/gemini-2.5-flash-native-audio-latest",
}
WEATHER = {
    "name": "get_weather",
    "description": "Current weather of one city.",
    "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]},
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "rule(message, words, families=all): what the server holds about a message, and for which families"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    rule = metafunc.definition.get_closest_marker("rule")
    if rule is not None and "family" in metafunc.fixturenames:
        metafunc.parametrize("family", rule.kwargs.get("families", tuple(MODELS)))


class Talk:
    """A simulator and the connections of one family to it."""

    def __init__(self, stage: Any, family: str) -> None:
        self.stage = stage
        self.family = family
        self.model = MODELS[family]

    def setup(self, **fields: Any) -> dict[str, Any]:
        """A setup this family takes."""
        level = {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}} if self.family == "3.8 ET" else {}
        transcripts = {"inputAudioTranscription": {}, "outputAudioTranscription": {}}
        return {"model": self.model} | transcripts | level | fields

    def tools(self, behavior: str = "") -> dict[str, Any]:
        """One function."""
        declared = WEATHER | ({"behavior": behavior} if behavior else {})
        return {"tools": [{"functionDeclarations": [declared]}]}

    async def open(self, **fields: Any) -> Any:
        """A connection that is set up, with all that comes at once."""
        client = await self.dial(**fields)
        await client.until("setupComplete")
        if self.family != "2.5":
            await client.until("sessionResumptionUpdate")
        return client

    async def dial(self, path: str | None = None, **fields: Any) -> Any:
        """A connection that has sent its setup."""
        client = await (self.stage.dial() if path is None else self.stage.dial(path))
        await client.send(setup=self.setup(**fields))
        return client

    async def call(self, client: Any, text: str = "weather in Rome") -> dict[str, Any]:
        """Ask for the function, and return its call; on families that end the turn there, after that end."""
        await client.type(text)
        called: dict[str, Any] = (await client.until("toolCall"))[-1]["toolCall"]["functionCalls"][0]
        return called

    async def answer(self, client: Any, call: dict[str, Any], output: str = "sunny", **fields: Any) -> None:
        response = {"id": call["id"], "name": call["name"], "response": {"output": output}} | fields
        await client.send(toolResponse={"functionResponses": [response]})

    async def refused(self, **fields: Any) -> tuple[int, str]:
        """How a setup is refused."""
        client = await self.dial(**fields)
        closed: tuple[int, str] = await client.closed()
        return closed


@pytest.fixture
def talk(stage: Any, family: str) -> Talk:
    return Talk(stage, family)


def of(messages: list[dict[str, Any]], key: str) -> list[Any]:
    """The values of a key, a message's own or its content's."""
    found = [message.get(key, message.get("serverContent", {}).get(key)) for message in messages]
    return [value for value in found if value is not None]


@pytest.fixture
def values() -> Any:
    return of

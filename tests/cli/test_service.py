"""Where talks and scenarios find the service, and with which key."""

import pytest

from flashlive_cli.cli.service import find_service, secrets_with
from flashlive_cli.config import Config
from flashlive_cli.errors import ConfigError

SCENARIO = '[[turn]]\ntext = "hello"\n'


@pytest.fixture(autouse=True)
def bare(shell) -> None:
    """No key and no settings."""
    (shell.folder / "s.toml").write_text(SCENARIO)


@pytest.mark.parametrize(
    ("command", "instead"), [(("talk", "-x", "hi"), "talk to --sim"), (("test", "s.toml"), "test against --sim")]
)
def test_without_a_key_it_is_said_where_to_get_one_and_what_goes_without(shell, command, instead) -> None:
    done = shell(*command)

    advice = f"get one at https://aistudio.google.com/apikey and set GEMINI_API_KEY, or {instead}"
    assert (done.code, done.err) == (2, f"flashlive: error: there is no API key; {advice}\n")


@pytest.mark.parametrize("command", [("talk", "-x", "hi"), ("test", "s.toml")])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sim", "--url", "ws://127.0.0.1:1"), "--sim and --url exclude each other"),
        (("--speed", "2"), "--speed goes with --sim: the service runs in real time"),
    ],
)
def test_what_only_one_far_end_has_is_refused_with_the_other(shell, command, options, words) -> None:
    done = shell(*command, *options)

    assert (done.code, words in done.err) == (2, True), done.err


def test_only_a_server_on_this_machine_is_tried_without_a_key() -> None:
    assert find_service(Config(url="ws://127.0.0.1:8765"), instead="wait").host == "127.0.0.1:8765"
    with pytest.raises(ConfigError, match="or wait"):
        find_service(Config(url="wss://example.org"), instead="wait")


def test_the_key_is_kept_from_what_stays_of_a_talk_with_a_server(monkeypatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "k3y")
    endpoint = find_service(Config(), instead="wait")

    assert endpoint.secret == "k3y"
    assert secrets_with(endpoint) == ("k3y",)
    assert secrets_with(None) == ()


def test_a_server_in_googles_place_is_found_by_setting_or_environment(monkeypatch) -> None:
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://localhost:1")

    assert find_service(Config(), instead="wait").host == "localhost:1"
    assert find_service(Config(url="ws://localhost:2"), instead="wait").host == "localhost:2"

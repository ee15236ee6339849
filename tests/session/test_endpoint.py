"""Addresses and credentials."""

import pytest

from flashlive_cli.errors import ConfigError
from flashlive_cli.session.endpoint import find_endpoint, find_key

METHOD = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        (None, f"wss://generativelanguage.googleapis.com{METHOD}"),
        ("https://example.com", f"wss://example.com{METHOD}"),
        ("wss://example.com:8443/proxy/", f"wss://example.com:8443/proxy{METHOD}"),
        ("http://127.0.0.1:9", f"ws://127.0.0.1:9{METHOD}"),
        ("ws://localhost:9", f"ws://localhost:9{METHOD}"),
        ("ws://[::1]:9", f"ws://[::1]:9{METHOD}"),
        (
            "wss://example.com/ws/x.v1alpha.S.BidiGenerateContent",
            "wss://example.com/ws/x.v1alpha.S.BidiGenerateContent",
        ),
    ],
)
def test_an_address_is_completed(base, url) -> None:
    assert find_endpoint(base, "key").url == url


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("ws://example.com", "unencrypted"),
        ("http://10.0.0.1", "unencrypted"),
        ("example.com", "wss://"),
        ("ftp://example.com", "wss://"),
        ("wss://", "wss://"),
        ("wss://h:port", "no URL"),
        ("wss://a..b", "no URL"),
        ("wss://example.com/?key=abc", "GEMINI_API_KEY"),
        ("wss://me:abc@example.com", "GEMINI_API_KEY"),
    ],
)
def test_an_address_that_would_leak_or_lead_nowhere_is_refused(base, words) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        find_endpoint(base, "key")
    if "abc" in base:
        assert "abc" not in str(caught.value)


def test_a_key_goes_into_its_header_and_out_of_sight() -> None:
    endpoint = find_endpoint(None, "sEcReT")

    assert endpoint.headers == {"x-goog-api-key": "sEcReT"}
    assert "sEcReT" not in repr(endpoint) + endpoint.url
    assert endpoint.scrub("bad key sEcReT!") == "bad key (the key)!"


def test_an_ephemeral_token_has_a_method_and_a_header_of_its_own() -> None:
    endpoint = find_endpoint(None, "auth_tokens/abc")

    assert endpoint.url.endswith("BidiGenerateContentConstrained")
    assert endpoint.headers == {"Authorization": "Token auth_tokens/abc"}


@pytest.mark.parametrize("key", ["", "a b", "a\nb", "schlüssel", "x\x7f"])
def test_what_is_no_key_is_refused_without_being_repeated(key) -> None:
    with pytest.raises(ConfigError) as caught:
        find_endpoint(None, key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    ("env", "key"),
    [
        ({}, None),
        ({"GEMINI_API_KEY": "", "GOOGLE_API_KEY": " "}, None),
        ({"GOOGLE_API_KEY": "b"}, "b"),
        ({"GEMINI_API_KEY": "a", "GOOGLE_API_KEY": "b"}, "a"),
        ({"GEMINI_API_KEY": "", "GOOGLE_API_KEY": "b"}, "b"),
        ({"GEMINI_API_KEY": "auth_tokens/x\n"}, "auth_tokens/x"),
    ],
)
def test_the_key_comes_from_the_environment(env, key) -> None:
    assert find_key(env) == key

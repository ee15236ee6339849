"""What is said to do about a setup that the service refused; the reasons are its own words."""

import pytest

from flashlive_cli.protocol.families import find_model
from flashlive_cli.session.opening import refusal_hint

GONE = "is gemini-3.1-flash-live-preview gone? try --model gemini-3.8-live"
A_KEY = "get a key at https://aistudio.google.com/apikey and set GEMINI_API_KEY"
WAIT = "wait, or see https://ai.google.dev/gemini-api/docs/rate-limits"
SEE_MODELS = "flashlive models shows what each model takes"


@pytest.mark.parametrize(
    ("code", "reason", "hint"),
    [
        (1007, "API key not valid. Please pass a valid API key.", A_KEY),
        (1007, "API Key not found. Please pass a valid API key.", A_KEY),
        (1011, "You exceeded your current quota, please check your plan and billing details.", WAIT),
        (1008, "models/x is not found for API version v1beta, or is not supported for bidiGenerateContent.", GONE),
        (1008, "Requested entity was not found.", ""),
        (1007, "Thinking level is not supported for this model.", SEE_MODELS),
        (1008, "Token has been used for as many sessions as it allows.", ""),
        (1008, "", ""),
        (1011, "Internal error encountered.", ""),
    ],
)
def test_only_what_the_service_s_words_tell_is_advised(code: int, reason: str, hint: str) -> None:
    assert refusal_hint(code, reason, find_model("gemini-3.1-flash-live-preview")) == hint

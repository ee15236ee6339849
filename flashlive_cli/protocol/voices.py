"""The prebuilt voices."""

from typing import Final, Literal

from flashlive_cli.errors import ConfigError
from flashlive_cli.nearest import nearest

VoiceStyle = Literal[
    "Bright", "Upbeat", "Informative", "Firm", "Excitable", "Youthful", "Breezy", "Easy-going", "Breathy",
    "Clear", "Smooth", "Gravelly", "Soft", "Even", "Mature", "Forward", "Friendly", "Casual", "Gentle",
    "Lively", "Knowledgeable", "Warm",
]  # fmt: skip

VOICES: Final[dict[str, VoiceStyle]] = {
    "Zephyr": "Bright", "Puck": "Upbeat", "Charon": "Informative", "Kore": "Firm", "Fenrir": "Excitable",
    "Leda": "Youthful", "Orus": "Firm", "Aoede": "Breezy", "Callirrhoe": "Easy-going", "Autonoe": "Bright",
    "Enceladus": "Breathy", "Iapetus": "Clear", "Umbriel": "Easy-going", "Algieba": "Smooth",
    "Despina": "Smooth", "Erinome": "Clear", "Algenib": "Gravelly", "Rasalgethi": "Informative",
    "Laomedeia": "Upbeat", "Achernar": "Soft", "Alnilam": "Firm", "Schedar": "Even", "Gacrux": "Mature",
    "Pulcherrima": "Forward", "Achird": "Friendly", "Zubenelgenubi": "Casual", "Vindemiatrix": "Gentle",
    "Sadachbia": "Lively", "Sadaltager": "Knowledgeable", "Sulafat": "Warm",
}  # fmt: skip
"""The thirty prebuilt voices and Google's words for them; names are case-sensitive on the wire."""


def find_voice(name: str) -> str:
    """
    Return a voice's name as the wire spells it, from any letter case.

    Raises:
        ConfigError: there is no such voice; the message names the nearest.
    """
    by_folded = {voice.casefold(): voice for voice in VOICES}
    if voice := by_folded.get(name.strip().casefold()):
        return voice
    closest = nearest(name.strip(), VOICES, likeness=0.0) or "Puck"
    raise ConfigError(f"there is no voice {name!r}; the nearest is {closest} (all of them: flashlive voices)")

"""A paper that does as badly as it can."""

import pytest

from flashlive_cli.recording.scribe import Scribe


class TornPaper:
    """Takes nothing, and does not even close."""

    def take(self, item: str) -> None:
        raise OSError(28, f"no room for {item}")

    def flush(self) -> None:
        pass

    def close(self) -> None:
        raise OSError(5, "the disk is gone")


def test_a_paper_that_fails_twice_is_told_of_once_and_the_rest_is_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "flashlive.recording")
    told: list[str] = []
    scribe = Scribe[str](TornPaper(), name="test", what="the recording", failed=told.append)
    scribe.put("words", 5)
    scribe.close()

    assert told == ["the recording ends here: no room for words; what was written before is kept"]
    assert "the disk is gone" in caplog.text

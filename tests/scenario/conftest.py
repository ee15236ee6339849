"""What the tests of scenarios share."""

import shutil
from collections.abc import Iterator

import pytest

from tests.scenario.browser import Browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    """A headless Chromium; its page is opened by each test anew."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("Chromium is not installed")
    running = Browser(program, tmp_path_factory.mktemp("profile"))
    yield running
    running.close()

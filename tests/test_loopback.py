"""What counts as this machine."""

import pytest

from flashlive_cli.loopback import is_loopback


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("0.0.0.0", False),  # all addresses of this machine
        ("::", False),
        ("10.0.0.1", False),
        ("169.254.0.1", False),
        ("128.0.0.1", False),
        ("127.1", False),  # some resolvers read this as 127.0.0.1, others do not
        ("2130706433", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_this_machine_is_localhost_or_an_address_of_loopback(host, is_ours) -> None:
    assert is_loopback(host) is is_ours

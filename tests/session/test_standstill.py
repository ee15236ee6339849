"""Whether what is sent still arrives: looks at a connection's traffic, with a time told by hand."""

import contextlib
import socket

import pytest

from flashlive_cli.session.standstill import Standstill, Traffic, traffic_of


def watched(*looks: tuple[bool, int, int]) -> Standstill:
    """Look once a second, from 1 s on."""
    still = Standstill(0.0)
    for now, (waits, acknowledged, received) in enumerate(looks, 1):
        still.look(Traffic(waits, acknowledged, received), float(now))
    return still


def test_what_waits_while_nothing_moves_has_waited_since_it_was_first_seen() -> None:
    still = watched((False, 5, 5), (False, 5, 5), (True, 5, 5), (True, 5, 5), (True, 5, 5))

    assert (still.lasts_s(5.0), still.quiet_s(5.0)) == (2.0, 0.0)


@pytest.mark.parametrize("moved", [(True, 6, 5), (True, 5, 6)], ids=["acknowledged", "received"])
def test_whatever_moves_is_a_sign_of_life(moved) -> None:
    still = watched((True, 5, 5), (True, 5, 5), moved, (True, *moved[1:]))

    assert still.lasts_s(4.0) == 1.0


def test_where_nothing_waits_it_is_quiet_and_no_standstill() -> None:
    still = watched((False, 5, 5), (False, 5, 5), (False, 5, 5))

    assert (still.lasts_s(3.0), still.quiet_s(3.0)) == (0.0, 2.0)


def test_what_went_out_meanwhile_makes_what_waits_now_younger() -> None:
    still = watched((True, 5, 5), (True, 5, 5), (False, 9, 5), (True, 9, 5), (True, 9, 5))

    assert still.lasts_s(5.0) == 1.0


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux shows what is acknowledged")
def test_the_kernel_tells_what_was_acknowledged_and_what_waits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as near:
        far, _ = server.accept()
        with far:
            before = traffic_of(near)
            near.sendall(b"x" * 1000)
            assert far.recv(2000) == b"x" * 1000
            far.sendall(b"y" * 300)
            assert near.recv(2000) == b"y" * 300
            after = traffic_of(near)
            assert before is not None
            assert after is not None
            assert (after.acknowledged - before.acknowledged, after.received - before.received) == (1000, 300)
            near.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while near.send(b"x" * 100_000):
                    pass
            full = traffic_of(near)
            assert full is not None
            assert full.waits
    assert traffic_of(near) is None

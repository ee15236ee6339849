"""
Whether what is sent still arrives, told by the far end's acknowledgements, which the kernel counts; Linux shows them.

A link that is gone without a word (another network, an address taken away) acknowledges nothing any more, nor does one
through a proxy or tunnel that has stopped. A slow one acknowledges a little at a time, and a service that is late with
its pongs all of it.
"""

import socket
import struct
import sys
from dataclasses import dataclass
from typing import Final, Protocol

# elsewhere there may be one of another shape
_TCP_INFO: Final[int | None] = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
# of `struct tcp_info` in linux/tcp.h, which only ever grows: tcpi_unacked, tcpi_bytes_acked, tcpi_bytes_received,
# tcpi_notsent_bytes (Linux 4.6)
_UNACKED: Final = struct.Struct("=24xI")
_MOVED: Final = struct.Struct("=120xQQ8xI")


class Connected(Protocol):
    """A socket; what asyncio gives of one will do."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """As `socket.socket` does."""
        ...


@dataclass(frozen=True, slots=True)
class Traffic:
    """
    What a TCP connection has come to.

    Attributes:
        waits: something was sent and is not acknowledged, or could not even be sent.
        acknowledged: bytes of ours, ever.
        received: bytes, ever.
    """

    waits: bool
    acknowledged: int
    received: int


def traffic_of(connected: Connected) -> Traffic | None:
    """Return what the kernel counts of a connection; None where it does not tell."""
    if _TCP_INFO is None:
        return None
    try:
        info = connected.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 256)
        (unacked,) = _UNACKED.unpack_from(info)
        acknowledged, received, not_sent = _MOVED.unpack_from(info)
    except (OSError, struct.error):  # closed; an old kernel
        return None
    return Traffic(bool(unacked or not_sent), acknowledged, received)


class Standstill:
    """Follows one connection's traffic, from look to look. Pure: the caller says what time it is, in seconds."""

    def __init__(self, now: float) -> None:
        """Begin with a connection on which something has moved just `now`."""
        self._traffic = Traffic(waits=False, acknowledged=-1, received=-1)
        self._moved_s = self._sent_s = now

    def look(self, traffic: Traffic, now: float) -> None:
        """Take the next look."""
        before, self._traffic = self._traffic, traffic
        if (traffic.acknowledged, traffic.received) != (before.acknowledged, before.received):
            self._moved_s = now
        if not (before.waits and traffic.waits):
            self._sent_s = now  # of what waits now, the oldest was sent since the look before

    def lasts_s(self, now: float) -> float:
        """For how long something has waited to be acknowledged, while nothing at all has moved."""
        return now - max(self._moved_s, self._sent_s) if self._traffic.waits else 0.0

    def quiet_s(self, now: float) -> float:
        """For how long nothing has moved, as there was nothing to be sent; 0 where something waits."""
        return 0.0 if self._traffic.waits else now - self._moved_s

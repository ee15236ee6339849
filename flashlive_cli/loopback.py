"""What stays on this machine: a key may go there unencrypted, and the simulator listens nowhere else. Pure."""

import ipaddress


def is_loopback(host: str) -> bool:
    """
    Whether a host is this machine for sure, without asking anybody for its address.

    Args:
        host: a name or an address, as `urlsplit(…).hostname` has it: lower case, no brackets, no port.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

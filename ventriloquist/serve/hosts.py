"""Host and Origin: which names of this server a browser may use, against DNS rebinding and other pages."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

_HOST = re.compile(
    r"(?:\[(?P<six>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*))\.?(?::(?P<port>\d{1,5}))?"
)

CONTAINERS = ("host.docker.internal", "host.containers.internal")  # this machine, within a container


class Names:
    """The names by which a server may be called."""

    def __init__(self, bound: str) -> None:
        """Take the name or address that the server is bound to."""
        self._bound = bound.lower().rstrip(".")
        self.is_loopback = is_loopback(bound)
        self._names = {"localhost", self._bound, *CONTAINERS}
        if not self.is_loopback:
            own = socket.gethostname().lower().rstrip(".")
            short = own.partition(".")[0]
            self._names |= {own, short, f"{short}.local"}

    def allows(self, host: str) -> bool:
        """Tell whether a Host header names this server.

        A rebinding attack needs a name of its own, so an address is safe. The port is not compared, because the end of
        an SSH tunnel may have another.
        """
        name = _name(host)
        if name is None:
            return False
        address = _address(name)
        if address is None:
            return name in self._names
        if address.is_unspecified:  # some browsers let any page reach 0.0.0.0
            return False
        return address.is_loopback or not self.is_loopback

    def is_sure(self, host: str) -> bool:
        """Tell whether a Host header that is allowed can only be of this machine.

        `localhost` and addresses are. The names that containers use are in no public DNS, but whoever runs the DNS of a
        network can give them to a page of their own.
        """
        return _name(host) not in CONTAINERS

    def is_same(self, origin: str, host: str) -> bool:
        """Tell whether an Origin header is this server's own page, opened by the name in the Host header."""
        scheme, colon, rest = origin.lower().partition("://")
        found, own = _HOST.fullmatch(rest), _HOST.fullmatch(host.lower())
        if scheme != "http" or not colon or not found or not own:
            return False
        return _name(rest) == _name(host) and (found["port"] or "80") == (own["port"] or "80")


def is_loopback(bound: str) -> bool:
    """Tell whether only this machine reaches what is bound to this name or address."""
    address = _address(bound.lower().strip("[]"))
    return bound.lower().rstrip(".") == "localhost" if address is None else address.is_loopback


def _name(host: str) -> str | None:
    found = _HOST.fullmatch(host.lower())
    return (found["six"] or found["name"]) if found else None


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address

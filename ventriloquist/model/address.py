"""The address of a server: what of it is asked, what of it is shown, and whether it is this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

import httpx

from ventriloquist.errors import ModelError

EXAMPLE = "Write it like http://127.0.0.1:8080/v1"


@dataclass(frozen=True, slots=True)
class Address:
    """A server that was named by its URL. The name and password of a URL are kept apart: nothing shows them."""

    url: str  # what `completions` is found under; it ends with a slash
    shown: str  # as it was named
    host: str
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, told without asking anybody: a loopback address, or exactly `localhost`."""
        if self.host == "localhost":
            return True
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:  # a name, or a number that only some resolvers take for an address
            return False
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return (mapped or address).is_loopback


def read_address(text: str) -> Address:
    """Read the address of a server; `http://`, `/v1` and `/completions` may be left out or stand there.

    Raises:
        ModelError: it is not one.
    """
    text = text.strip()
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")  # the one parser: it connects to the same host
    except (httpx.InvalidURL, UnicodeError):
        raise ModelError("--endpoint is not an address.", hint=EXAMPLE) from None
    if url.scheme not in ("http", "https") or not url.host or "%" in url.host.partition("%25")[0]:
        raise ModelError("--endpoint is not an address of http:// or https://.", hint=EXAMPLE)
    if url.query or url.fragment:
        raise ModelError("--endpoint has something behind ? or #.", hint=f"{EXAMPLE}; a key goes into VQ_API_KEY.")
    login = (url.username, url.password) if url.userinfo else None
    url = url.copy_with(userinfo=b"")
    path = url.path.rstrip("/").removesuffix("/completions")
    path = path if path.endswith("/v1") else f"{path}/v1"
    return Address(str(url.copy_with(path=f"{path}/")), str(url), url.host.lower(), login)

"""The address of a model server: parsed, without its password, and whether it is this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

import httpx

from ventriloquist.errors import ModelError

EXAMPLE = "Write it like http://127.0.0.1:8080/v1"
HOST, PORT = "127.0.0.1", 8137  # where vq serve listens by default


@dataclass(frozen=True, slots=True)
class Address:
    """A server's URL, with its user name and password apart, so that no message shows them."""

    url: str  # base of `completions`, with a slash at its end
    shown: str  # as the user wrote it, without a password
    host: str
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, without a look-up: a loopback address, or exactly `localhost`."""
        if self.host == "localhost":
            return True
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:  # a name, or a number that only some resolvers accept
            return False
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return (mapped or address).is_loopback


def read_address(text: str) -> Address:
    """Parse an address; `http://`, `/v1` and `/completions` are optional.

    Raises:
        ModelError: it is not an address.
    """
    text = text.strip()
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")  # parsed as the client does
    except (httpx.InvalidURL, UnicodeError):
        raise ModelError("--endpoint is not an address.", hint=EXAMPLE) from None
    if url.scheme not in ("http", "https") or not url.host or "%" in url.host.partition("%25")[0]:
        raise ModelError("--endpoint is not an address of http:// or https://.", hint=EXAMPLE)
    if url.query or url.fragment:
        raise ModelError("--endpoint has a part after ? or #.", hint=f"{EXAMPLE}; a key goes into VQ_API_KEY.")
    login = (url.username, url.password) if url.userinfo else None
    url = url.copy_with(userinfo=b"")
    path = url.path.rstrip("/").removesuffix("/completions")
    path = path if path.endswith("/v1") else f"{path}/v1"
    return Address(str(url.copy_with(path=f"{path}/")), str(url), url.host.lower(), login)

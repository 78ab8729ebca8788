"""Apple's strings are UTF-16 inside: what they leave in UTF-8 may hold halves of surrogate pairs."""

from __future__ import annotations


def decode_utf8(data: bytes) -> str:
    """Decode UTF-8 that may hold surrogates; pairs are joined, lone ones stay.

    Raises:
        UnicodeDecodeError: it is not even that.
    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        text = data.decode("utf-8", "surrogatepass")
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def decode_text(data: bytes) -> str:
    """Decode a TEXT column, whatever is in it."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        try:
            return decode_utf8(data)
        except UnicodeDecodeError:
            return data.decode("utf-8", "replace")

"""Whether a path is a file of bytes: to open a pipe or a device may be to wait forever."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def require_regular(path: Path) -> None:
    """Check that a path is a regular file, or a link to one, before it is opened.

    Raises:
        OSError: it is a folder, a pipe, a socket or a device; or it is missing or not permitted.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe, a socket or a device", str(path))

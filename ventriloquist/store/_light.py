"""sqlite-utils without numpy and pandas, which it imports wherever they are installed: a second, and 90 MB.

Only its support for their types in rows goes, which nothing here uses. Remove this when sqlite-utils imports them
at need.
"""

from __future__ import annotations

import sys

_HEAVY = [name for name in ("numpy", "pandas") if name not in sys.modules]
sys.modules.update(dict.fromkeys(_HEAVY))  # type: ignore[arg-type]  # None: importing it is an ImportError
try:
    import sqlite_utils  # noqa: F401
finally:
    for _name in _HEAVY:
        del sys.modules[_name]

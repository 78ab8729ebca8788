"""The one file, VQ_HOME/ventriloquist.db: opening it, its schema, the lock, and the record of runs."""

from ventriloquist.store import _light  # isort: skip  # noqa: F401  # before sqlite_utils is imported anywhere

from sqlite_utils import Database

from ventriloquist.store.connect import open_database
from ventriloquist.store.runs import Run, lock_home, locked_database, record, recorded_run

__all__ = ["Database", "Run", "lock_home", "locked_database", "open_database", "record", "recorded_run"]

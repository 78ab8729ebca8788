"""The one file, VQ_HOME/ventriloquist.db: its schema, the lock, the record of runs, and every query on it."""

from sqlite3 import Connection

from ventriloquist.store.connect import open_database, transaction
from ventriloquist.store.runs import Run, lock_home, locked_database, record, recorded_run

__all__ = [
    "Connection",
    "Run",
    "lock_home",
    "locked_database",
    "open_database",
    "record",
    "recorded_run",
    "transaction",
]

"""The database VQ_HOME/ventriloquist.db: its schema, its lock, the record of runs, and all queries on it."""

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

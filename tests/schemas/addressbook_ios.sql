-- An iPhone's address book: the part of AddressBook.sqlitedb that has names, numbers and addresses.

CREATE TABLE ABStore (
    ROWID INTEGER PRIMARY KEY AUTOINCREMENT, Name TEXT, Type INTEGER, MeIdentifier INTEGER DEFAULT -1
);

CREATE TABLE ABPerson (
    ROWID INTEGER PRIMARY KEY AUTOINCREMENT, First TEXT, Last TEXT, Middle TEXT, Organization TEXT, Nickname TEXT,
    StoreID INTEGER, guid TEXT
);

CREATE TABLE ABMultiValue (
    UID INTEGER PRIMARY KEY, record_id INTEGER, property INTEGER, identifier INTEGER, label INTEGER, value TEXT,
    guid TEXT
);

"""Writes an encrypted iPhone backup from a plain one, with `cryptography` alone: nothing of what reads it is used here.

The format, as in iOS 10.2 and later: PBKDF2 (SHA-256, then SHA-1) of the password opens the class keys of the keybag
(RFC 3394), they open the key of each file, and each file is AES-256-CBC with a zero vector and PKCS#7 padding.
"""

from __future__ import annotations

import hashlib
import os
import plistlib
import sqlite3
import struct
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

PASSWORD = "correct horse ü"
FILE_CLASS, MANIFEST_CLASS = 3, 4
CLASSES = (1, 2, FILE_CLASS, MANIFEST_CLASS, 5, 11)
FEW = 10  # steps of each derivation; an iPhone takes ten million and ten thousand


def encrypt(folder: Path, paths: Mapping[str, str], *, password: str = PASSWORD, domain: str = "HomeDomain") -> Path:
    """Encrypt a plain backup in place, with the files at `paths`: by path on the iPhone, the name in the backup."""
    class_keys = {number: os.urandom(32) for number in CLASSES}
    manifest_key = os.urandom(32)
    listed = folder / "Manifest.db"
    listed.unlink(missing_ok=True)
    with sqlite3.connect(listed) as connection:
        connection.execute(
            "CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB)"
        )
        for path, name in paths.items():
            place = next(place for place in (folder / name[:2] / name, folder / name) if place.exists())
            content, key = place.read_bytes(), os.urandom(32)
            place.write_bytes(cbc(content, key))
            record = file_record(len(content), FILE_CLASS, aes_key_wrap(class_keys[FILE_CLASS], key))
            connection.execute("INSERT INTO Files VALUES (?, ?, ?, 1, ?)", (name, domain, path, record))
    connection.close()
    listed.write_bytes(cbc(listed.read_bytes(), manifest_key))
    manifest = {
        "IsEncrypted": True,
        "Version": "10.0",
        "BackupKeyBag": keybag(class_keys, password),
        "ManifestKey": struct.pack("<l", MANIFEST_CLASS) + aes_key_wrap(class_keys[MANIFEST_CLASS], manifest_key),
    }
    (folder / "Manifest.plist").write_bytes(plistlib.dumps(manifest, fmt=plistlib.FMT_BINARY))
    return folder


def keybag(class_keys: Mapping[int, bytes], password: str, *, steps: int = FEW) -> bytes:
    outer, inner = os.urandom(20), os.urandom(20)
    first = hashlib.pbkdf2_hmac("sha256", password.encode(), outer, steps, 32)
    derived = hashlib.pbkdf2_hmac("sha1", first, inner, steps, 32)
    parts = [
        *(tag(b"VERS", 5), tag(b"TYPE", 1), tag(b"UUID", os.urandom(16)), tag(b"HMCK", os.urandom(40))),
        *(tag(b"WRAP", 1), tag(b"SALT", inner), tag(b"ITER", steps)),
        *(tag(b"DPWT", 1), tag(b"DPIC", steps), tag(b"DPSL", outer)),
    ]
    for number, key in class_keys.items():
        parts += [tag(b"UUID", os.urandom(16)), tag(b"CLAS", number), tag(b"WRAP", 2), tag(b"KTYP", 0)]
        parts.append(tag(b"WPKY", aes_key_wrap(derived, key)))
    parts += [tag(b"UUID", os.urandom(16)), tag(b"CLAS", 10), tag(b"WRAP", 1)]  # only the iPhone itself can open this
    return b"".join(parts)


def tag(name: bytes, value: bytes | int) -> bytes:
    data = struct.pack(">L", value) if isinstance(value, int) else value
    return name + struct.pack(">L", len(data)) + data


def file_record(size: int, protection_class: int, wrapped: bytes) -> bytes:
    """Return the record of a file as NSKeyedArchiver writes it."""
    uid = plistlib.UID
    objects = [
        "$null",
        {
            "$class": uid(3),
            "Size": size,
            "ProtectionClass": protection_class,
            "EncryptionKey": uid(2),
            "Mode": 0o100644,
        },
        {"$class": uid(4), "NS.data": struct.pack("<l", protection_class) + wrapped},
        {"$classname": "MBFile", "$classes": ["MBFile", "NSObject"]},
        {"$classname": "NSMutableData", "$classes": ["NSMutableData", "NSData", "NSObject"]},
    ]
    archive = {"$version": 100_000, "$archiver": "NSKeyedArchiver", "$top": {"root": uid(1)}, "$objects": objects}
    return plistlib.dumps(archive, fmt=plistlib.FMT_BINARY)


def cbc(content: bytes, key: bytes) -> bytes:
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()

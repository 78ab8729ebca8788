"""Deciding the kind of an attachment: photo, video, voice, sticker or file."""

from __future__ import annotations

import mimetypes
from functools import lru_cache
from typing import Literal

MediaKind = Literal["photo", "video", "voice", "sticker", "file"]

# MIME types that programs write when they do not know the type
_SAYS_NOTHING = {
    "application/octet-stream", "application/octetstream", "application/binary", "application/x-binary",
    "application/unknown", "application/x-unknown", "application/download", "application/x-download",
    "application/force-download", "application/x-force-download", "application/data", "binary/octet-stream",
    "content/unknown", "unknown/unknown", "multipart/form-data",
}  # fmt: skip
_OF_TYPE: dict[str, MediaKind] = {
    "image": "photo",
    "video": "video",
    "audio": "voice",
}  # by the part of a MIME type before "/"

# Apple's uniform type identifiers, without those that tell nothing (public.data, public.item, dyn.…)
_OF_UTI: dict[str, MediaKind] = {
    **dict.fromkeys((
        "public.image", "public.jpeg", "public.png", "public.heic", "public.heif", "public.heics", "public.heifs",
        "public.avif", "public.avis", "public.tiff", "public.webp", "org.webmproject.webp", "com.compuserve.gif",
        "com.microsoft.bmp", "com.microsoft.ico", "com.apple.icns", "com.apple.pict", "com.google.webp",
        "com.apple.private.auto-loop-gif", "com.apple.live-photo",
    ), "photo"),
    **dict.fromkeys((
        "public.movie", "public.video", "public.mpeg", "public.mpeg-4", "public.avi", "public.3gpp", "public.3gpp2",
        "com.apple.quicktime-movie", "com.apple.m4v-video", "com.apple.mpeg-4-ringtone-video", "org.webmproject.webm",
        "org.matroska.mkv", "com.microsoft.advanced-systems-format",
    ), "video"),
    **dict.fromkeys((
        "public.audio", "public.mp3", "public.aac", "com.apple.coreaudio-format", "com.apple.mpeg-4-ringtone",
        "org.3gpp.adaptive-multi-rate-audio", "org.xiph.opus", "org.xiph.flac", "com.microsoft.waveform",
    ), "voice"),
    **dict.fromkeys((
        "com.adobe.pdf", "public.vcard", "public.text", "public.plain-text", "public.utf8-plain-text",
        "public.utf16-plain-text", "public.rtf", "com.apple.rtfd", "public.html", "public.xml", "public.json",
        "public.comma-separated-values-text", "public.calendar-event", "com.apple.ical.ics", "public.archive",
        "public.zip-archive", "com.pkware.zip-archive", "public.url", "public.folder", "public.presentation",
        "public.spreadsheet", "com.apple.pkpass", "com.microsoft.word.doc", "com.microsoft.excel.xls",
    ), "file"),
}  # fmt: skip
# the endings of others: com.nikon.raw-image, public.aiff-audio, org.openxmlformats.….document
_OF_UTI_ENDING: dict[str, MediaKind] = {
    "-image": "photo", "-movie": "video", "-video": "video", "-audio": "voice", ".document": "file",
    "-archive": "file", ".presentation": "file", ".sheet": "file",
}  # fmt: skip

# File name extensions that Python does not know, or maps to another kind
_OF_ENDING: dict[str, MediaKind] = {
    **dict.fromkeys((
        "jpg", "jpeg", "jpe", "jfif", "png", "gif", "heic", "heif", "heics", "heifs", "hif", "webp", "avif", "tif",
        "tiff", "bmp", "jp2", "jxl", "svg", "ico", "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2", "raf", "raw",
    ), "photo"),
    **dict.fromkeys((
        "mov", "qt", "mp4", "m4v", "3gp", "3gpp", "3g2", "3gpp2", "avi", "mkv", "webm", "mpg", "mpeg", "mts", "m2ts",
        "wmv", "flv", "ogv",
    ), "video"),
    **dict.fromkeys((
        "caf", "amr", "awb", "m4a", "m4b", "m4r", "aac", "mp3", "wav", "wave", "aif", "aiff", "aifc", "opus", "oga",
        "ogg", "flac", "wma", "weba", "3ga", "qcp",
    ), "voice"),
}  # fmt: skip
_PYTHONS = mimetypes.MimeTypes().types_map[True]  # Python's own table, because the system's differs between machines


def media_kind(
    mime_type: str | None, uti: str | None, *names: str | None, is_sticker: bool = False, is_audio: bool = False
) -> MediaKind:
    """Return the kind of an attachment. The first argument that tells something decides.

    Args:
        mime_type: as it was sent; some tell nothing, such as `application/octet-stream`.
        uti: Apple's uniform type identifier.
        names: the file's names; only their extensions count.
        is_sticker: the source calls it a sticker. This decides before all others.
        is_audio: it belongs to an audio message. This decides last.
    """
    if is_sticker:
        return "sticker"
    kind = _of_mime_type(mime_type or "") or _of_uti(uti or "")
    for name in names:
        kind = kind or _of_name(name or "")
    return kind or ("voice" if is_audio else "file")


@lru_cache
def _of_mime_type(mime_type: str) -> MediaKind | None:
    plain = mime_type.partition(";")[0].strip().lower()
    before, slash, after = plain.partition("/")
    if not (slash and before.strip(" *") and (after.strip(" *") or before in _OF_TYPE)) or plain in _SAYS_NOTHING:
        return None
    return _OF_TYPE.get(before, "file")


@lru_cache
def _of_uti(uti: str) -> MediaKind | None:
    plain = uti.strip().lower()
    if plain in _OF_UTI:
        return _OF_UTI[plain]
    if plain.startswith("dyn."):
        return None
    return next((kind for ending, kind in _OF_UTI_ENDING.items() if plain.endswith(ending)), None)


def _of_name(name: str) -> MediaKind | None:
    ending = name.strip().rpartition(".")[2].lower() if "." in name else ""
    if ending in _OF_ENDING:
        return _OF_ENDING[ending]
    known = _PYTHONS.get(f".{ending}")
    return _of_mime_type(known) if known else None

"""What a file is called and what it is. Called by content and form. Never raises."""

import mimetypes
import re
import unicodedata

import puremagic

from normalizer.mail import caps

_TYPES = mimetypes.MimeTypes()
"""The built-in table: the one of the operating system differs from machine to machine."""

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf", "application/rtf"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"MZ", "application/x-msdownload"),
    (b"\x7fELF", "application/x-executable"),
    (b"BEGIN:VCALENDAR", "text/calendar"),
    (b"BEGIN:VCARD", "text/vcard"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x78\x9f\x3e\x22", "application/ms-tnef"),
)
_ZIPPED = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "jar": "application/java-archive",
    "apk": "application/vnd.android.package-archive",
}
_COMPOUND = {"doc": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint"}
_MARKED_UP = re.compile(
    rb"\s*(?:<!--.{0,200}?-->\s*)?<(!doctype html|html|svg|script|\?xml)", re.IGNORECASE | re.DOTALL
)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,80}/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}\Z")
_TEXTUAL = ("text/", "application/json", "application/xml", "message/", "application/pgp", "application/x-subrip")
_VAGUE = ("", "application/octet-stream", "application/x-octet-stream", "application/binary", "application/unknown")
_NO_GOOD = re.compile(r"[\x00-\x1f\x7f<>:\"/\\|?*\u2028\u2029\ufffe\uffff\ud800-\udfff]")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|\Z)", re.IGNORECASE)
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,10}\Z")
_EXTENSIONS = {
    "text/plain": ".txt",
    "text/html": ".html",
    "message/rfc822": ".eml",
    "image/jpeg": ".jpg",
    "text/calendar": ".ics",
    "text/vcard": ".vcf",
    "message/delivery-status": ".txt",
    "message/disposition-notification": ".txt",
    "application/pgp-signature": ".asc",
    "application/pkcs7-signature": ".p7s",
    "application/pkcs7-mime": ".p7m",
}


def sniff(content: bytes, declared: str, name: str) -> str:
    """The media type by the content's first bytes; the declared one, or the name's, where they tell nothing."""
    declared = declared if _MEDIA_TYPE.match(declared) else ""
    for magic, media_type in _MAGIC:
        if content.startswith(magic):
            return media_type
    extension = name.rpartition(".")[2].lower()
    if content.startswith(b"PK\x03\x04"):
        return _ZIPPED.get(extension) or (
            declared if declared.endswith(("document", "sheet", "+zip")) else "application/zip"
        )
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _COMPOUND.get(extension, declared or "application/x-ole-storage")
    marked_up = _MARKED_UP.match(content[:512])
    if marked_up:
        kind = marked_up[1].lower()
        return {b"svg": "image/svg+xml", b"?xml": declared if declared not in _VAGUE else "application/xml"}.get(
            kind, "text/html"
        )
    if not content or (declared.startswith(_TEXTUAL) and b"\0" not in content[:1024]):
        return declared or "application/octet-stream"
    return _by_library(content) or _by_name(declared, extension)


def _by_library(content: bytes) -> str:
    try:
        found = puremagic.from_string(content[:4096], mime=True)
    except Exception:  # the library raises what it likes on bytes of no known kind
        return ""
    return found if _MEDIA_TYPE.match(found) else ""


def _by_name(declared: str, extension: str) -> str:
    if declared not in _VAGUE:
        return declared
    return _TYPES.types_map[1].get(f".{extension}", "application/octet-stream")


def safe_name(name: str, media_type: str, number: int) -> str:
    """A name that is safe to offer for saving on any system: no path, no control or direction-changing characters, no
    device names of Windows, at most 200 characters with the extension kept, never empty."""
    name = name.replace("\\", "/").rpartition("/")[2] if "/" in name or "\\" in name else name
    name = _NO_GOOD.sub("_", name)
    if not name.isascii():
        name = "".join(char for char in name if unicodedata.category(char) not in ("Cf", "Cc", "Cs", "Co", "Zl", "Zp"))
    name = " ".join(name.split()).strip(". ")
    if not name.strip("_"):
        name = f"attachment-{number}{_EXTENSIONS.get(media_type) or _TYPES.guess_extension(media_type) or '.bin'}"
    if _RESERVED.match(name):
        name = "_" + name
    if len(name) > caps.NAME or len(name.encode()) > 240:
        name = _shorten(name)
    return name


def _shorten(name: str) -> str:
    found = _EXTENSION.search(name)
    extension = found[0] if found else ""
    stem = name[: len(name) - len(extension)][: caps.NAME - len(extension)]
    while len(stem.encode()) > 240 - len(extension):
        stem = stem[:-8]
    return stem.rstrip(". ") + extension

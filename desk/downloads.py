"""Handing out bytes that strangers sent: always as a download, never as something to show."""

import re
import unicodedata
from urllib.parse import quote

from aiohttp import web

_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\/:*?<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]')


def disposition(name: str) -> str:
    """RFC 6266: a plain fallback and the true name in UTF-8. No quote, path or line break gets through."""
    clean = _UNSAFE.sub("_", name).strip(" .") or "file"
    plain = unicodedata.normalize("NFKD", clean).encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(clean, safe='')}"


def attachment_response(content: bytes, name: str, media_type: str) -> web.Response:
    """HTML, SVG and XML lose even their type: a browser that saves them learns nothing to open them with."""
    harmless = re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", media_type) and not re.search(
        "html|svg|xml|script", media_type
    )
    response = web.Response(body=content)
    response.headers["Content-Type"] = media_type if harmless else "application/octet-stream"
    response.headers["Content-Disposition"] = disposition(name)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def decode_raw(raw: bytes) -> str:
    """Bytes as text for reading: UTF-8 where they are, otherwise Latin-1, control characters made visible."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        # A cut inside the last character is not another encoding.
        text = raw[: error.start].decode("utf-8") if len(raw) - error.start < 4 else raw.decode("latin-1")
    return "".join(
        c if c in "\n\t" or c.isprintable() or c == "\u00a0" else "" if c == "\r" else "\ufffd" for c in text
    )

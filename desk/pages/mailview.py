"""The HTML of a mail, for the sandboxed frame: allow-listed again, images by signed URLs, remote ones on a click."""

import re
from collections.abc import Mapping, Sequence

import nh3

from desk.signing import sign_inline
from domain.ports import Clock
from domain.views import AttachmentView

_REMOTE = re.compile(r"<img[^>]+src\s*=\s*[\"']?\s*(?:https?:)?//", re.IGNORECASE)
SHOWN_INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
TAGS = nh3.ALLOWED_TAGS | {"font", "center", "u"}
ATTRIBUTES = {
    **{tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()},
    "*": {"style", "dir", "lang", "align", "valign", "width", "height", "bgcolor", "color", "title"},
    "img": {"src", "alt", "width", "height", "border"},
    "font": {"color", "face", "size"},
}
FRAME_STYLE = (
    "html{color-scheme:light}body{margin:12px;font:14px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;"
    "color:#1c2024;background:#fff;overflow-wrap:anywhere}img{max-width:100%;height:auto}"
    "table{max-width:100%}blockquote{margin:0 0 0 8px;padding-left:10px;border-left:2px solid #d5d9de}"
    "pre{white-space:pre-wrap}"
)


def has_remote_images(html: str) -> bool:
    return bool(_REMOTE.search(html))


def cid_urls(attachments: Sequence[AttachmentView], secret: bytes, clock: Clock) -> Mapping[str, str]:
    """content id -> path of the signed image."""
    return {
        item.file.content_id: f"/desk/inline/{sign_inline(secret, item.file.blob, item.file.media_type, clock.now())}"
        for item in attachments
        if item.file.content_id and item.file.media_type in SHOWN_INLINE
    }


def document(html: str, images: Mapping[str, str], *, remote: bool) -> str:
    """A whole document. What is neither a known cid nor (on request) a remote image loses its source."""

    def keep(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "style":
            return None if re.search(r"url\s*\(|@import|expression|\\", value, re.IGNORECASE) else value
        if tag == "img" and attribute == "src":
            return _source(value.strip(), images, remote)
        return value

    body = nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    head = f'<meta charset="utf-8"><title>-</title><style>{FRAME_STYLE}</style>'
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>"


def _source(value: str, images: Mapping[str, str], remote: bool) -> str | None:
    if value.lower().startswith("cid:"):
        return images.get(value[4:].strip("<>"))
    return value if remote and re.match(r"https?://", value, re.IGNORECASE) else None


def frame_policy(host: str, *, remote: bool) -> str:
    """The frame's own policy. Its origin is opaque, so that ``'self'`` would match nothing: the host is named, without
    letting an odd Host header add directives."""
    safe_host = host if re.fullmatch(r"[A-Za-z0-9.\-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?", host) else "invalid.invalid"
    sources = f"http://{safe_host}/desk/inline/" + (" http: https:" if remote else "")
    return (
        f"default-src 'none'; img-src {sources}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
    )

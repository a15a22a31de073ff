"""Our stylesheet, module and drawings, and htmx out of its wheel: read once, named by their content.

``url_for("desk.css")`` carries a hash of the content, so that browsers keep a file for good and still get a new one.
"""

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from aiohttp import hdrs, web

FOREVER = "public, max-age=31536000, immutable"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Static:
    content: bytes
    media_type: str
    version: str


@cache
def assets() -> dict[str, Static]:
    """Every file that is served under ``/static/``, by its name."""
    found = {"htmx.js": (files("js_lib_htmx") / "static" / "htmx" / "htmx.min.js").read_bytes()}
    for entry in (files("desk") / "static").iterdir():
        if entry.is_file() and not entry.name.startswith("."):
            found[entry.name] = entry.read_bytes()
    return {
        name: Static(content, _type_of(name), hashlib.sha256(content).hexdigest()[:12])
        for name, content in found.items()
    }


def _type_of(name: str) -> str:
    suffix = name[name.rfind(".") :]
    return TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def url_for(name: str) -> str:
    return f"/static/{name}?v={assets()[name].version}"


async def serve(request: web.Request) -> web.Response:
    """``GET /static/{name}``: a look-up in a table, so that no path leads anywhere else."""
    static = assets().get(request.match_info["name"])
    if static is None:
        raise web.HTTPNotFound
    if request.headers.get(hdrs.IF_NONE_MATCH) == f'"{static.version}"':
        return web.Response(status=304)
    fresh = request.query.get("v") == static.version
    headers = {hdrs.CACHE_CONTROL: FOREVER if fresh else "no-cache", hdrs.ETAG: f'"{static.version}"'}
    response = web.Response(body=static.content, content_type=static.media_type, charset="utf-8", headers=headers)
    response.enable_compression()
    return response

"""What belongs to messages: their HTML in a frame, raw form, attachments, signed images."""

from aiohttp import hdrs, web

from desk.deps import desk_of
from desk.downloads import attachment_response, decode_raw, disposition
from desk.pages.mailview import SHOWN_INLINE, cid_urls, document, frame_policy
from desk.pages.queue import rail
from desk.render import render
from desk.session import Me
from desk.signing import read_inline
from domain.errors import NotFound
from domain.ids import BlobKey

RAW_SHOWN = 256 * 1024


async def message_html(request: web.Request, me: Me) -> web.Response:
    """For the sandboxed frame alone; ``?images=1`` lets remote images in."""
    desk = desk_of(request)
    html, attachments = await desk.views.message_html(me.scope, request.match_info["message"])
    remote = request.query.get("images") == "1"
    images = cid_urls(attachments, desk.secret, desk.clock)
    response = web.Response(text=document(html, images, remote=remote), content_type="text/html")
    response.headers["Content-Security-Policy"] = frame_policy(request.host, remote=remote)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


async def message_raw(request: web.Request, me: Me) -> web.Response:
    """The bytes as they came, as text, cut at 256 KiB; ``?download=1`` gives all of them."""
    desk = desk_of(request)
    message = request.match_info["message"]
    raw = await desk.blobs.get(await desk.views.raw_key(me.scope, message))
    if request.query.get("download") == "1":
        return attachment_response(raw, f"message-{message}.txt", "application/octet-stream")
    return render(
        request,
        "raw.html",
        raw=decode_raw(raw[:RAW_SHOWN]),
        total=len(raw),
        cut=len(raw) > RAW_SHOWN,
        limit=RAW_SHOWN,
        download=f"/desk/messages/{message}/raw?download=1",
        section="ticket",
        **await rail(request, me),
    )


async def recording(request: web.Request, me: Me) -> web.StreamResponse:
    """Handed on from the telephone system as it comes, as a download."""
    desk = desk_of(request)
    message = request.match_info["message"]
    account, call = await desk.views.call(me.scope, message)
    async with desk.recordings.open(account, call) as found:
        response = web.StreamResponse()
        response.headers["Content-Type"] = found.media_type
        response.headers["Content-Disposition"] = disposition(f"call-{message}.{found.media_type.rpartition('/')[2]}")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        response.content_length = found.size
        await response.prepare(request)
        async for chunk in found.content:
            await response.write(chunk)
        await response.write_eof()
    return response


async def attachment(request: web.Request, me: Me) -> web.Response:
    desk = desk_of(request)
    found = await desk.views.attachment(me.scope, request.match_info["attachment"])
    return attachment_response(await desk.blobs.get(found.file.blob), found.file.name, found.file.media_type)


async def inline(request: web.Request) -> web.Response:
    """``/desk/inline/{token}``: needs no session, since the frame that shows it has none; the signature suffices."""
    desk = desk_of(request)
    image = read_inline(desk.secret, request.match_info["token"], desk.clock.now())
    if image is None or image.media_type not in SHOWN_INLINE:
        raise NotFound("There is no such image")
    content = await desk.blobs.get(BlobKey(image.blob))
    response = web.Response(body=content, content_type=image.media_type)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers[hdrs.CACHE_CONTROL] = "private, max-age=600"
    return response

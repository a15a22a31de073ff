"""What pages show: headers, hostile content, frames, files, languages, errors."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer

from desk.downloads import attachment_response, decode_raw, disposition
from desk.pages.mailview import document, frame_policy
from desk.signing import INLINE_LIFE, read_inline, sign_inline
from domain.errors import Unavailable
from domain.message import Attachment, Call
from domain.views import AttachmentView
from tests.desk.conftest import Desk, SignIn, application
from tests.fakes_desk import SECRET, World
from tests.fakes_desk_data import ANNA, BORIS, CHIEF, NOON, PNG, key_of, ticket

STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; frame-src 'self'"
)
VECTORS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "{{ 7*7 }}",
    "javascript:alert(1)",
    "</textarea><svg onload=alert(1)>",
)


@pytest.mark.parametrize(
    "path",
    [
        "/desk",
        "/desk/tickets/T-000101",
        "/desk/quarantine",
        "/desk/messages/M101/raw",
        "/desk/rows?numbers=101",
        "/nope",
    ],
)
async def test_pages_carry_the_strict_policy_and_hold_nothing_inline(signed_in: SignIn, path: str) -> None:
    answer = await (await signed_in(CHIEF)).get(path)
    page = await answer.text()
    assert answer.headers["Content-Security-Policy"] == STRICT
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", page) == []


async def test_a_call_shows_who_called_how_long_how_surely_and_its_recording(signed_in: SignIn, world: World) -> None:
    found = ticket(101)
    call = Call(
        keys=("pbx/office/call:1",),
        event="transcript",
        event_id="1",
        number="+79161234567",
        extension="12",
        duration_s=74,
        confidence=0.914,
        recording_url="https://pbx.example/1.wav?<script>",
    )
    said = replace(found.messages[0], text="Не печатает.", call=call)
    ended = replace(said, id="M102", text="", call=replace(call, withheld=True, confidence=None, recording_url=None))
    world.views.tickets[101] = replace(found, messages=(said, ended))
    page = await (await (await signed_in(CHIEF)).get("/desk/tickets/T-000101")).text()
    shown = [" ".join(re.sub(r"<[^>]+>", "", each).split()) for each in re.findall(r'<p class="call.*?</p>', page)]
    assert shown == [
        "Caller +79161234567 (12) · Duration 1:14 · Confidence 91 % · Recording",
        "The caller hides the number · Duration 1:14",
    ]
    assert f'href="/desk/recordings/{said.id}"' in page
    assert "1.wav" not in page, "where a recording lies is nobody's link to open from here"


@pytest.mark.parametrize("vector", VECTORS)
async def test_hostile_words_stay_words(signed_in: SignIn, world: World, vector: str) -> None:
    found = ticket(101)
    message = found.messages[0]
    file = AttachmentView(
        id="AX", file=Attachment(blob=key_of(PNG), name=vector, size=1, media_type="image/png", declared_type=vector)
    )
    message = replace(
        message, text=vector, quoted=vector, signature=vector, author=vector, author_address=vector, attachments=(file,)
    )
    requester = replace(found.requester, name=vector, organization=vector)
    world.views.tickets[101] = replace(
        found, subject=vector, messages=(message,), requester=requester, fields={vector: vector}
    )
    world.views.held_rows["H1"] = replace(world.views.held_rows["H1"], subject=vector, sender=vector, reason=vector)
    browser = await signed_in(CHIEF)
    for path in (
        "/desk",
        "/desk/tickets/T-000101",
        "/desk/quarantine",
        "/desk/quarantine/H1",
        "/desk/rows?numbers=101",
    ):
        page = await (await browser.get(path)).text()
        assert not re.search(r"<script>|<img src=x|<svg onload|href=\"javascript:|\b49\b(?=</h1>)", page), path
    search = await (await browser.get("/desk", params={"q": vector})).text()
    assert "<script>alert" not in search
    assert "<img src=x" not in search
    assert "<svg onload" not in search


async def test_the_raw_message_is_text_and_downloads_whole(signed_in: SignIn) -> None:
    browser = await signed_in(BORIS)
    page = await (await browser.get("/desk/messages/M101/raw")).text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    answer = await browser.get("/desk/messages/M101/raw?download=1")
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert b"<script>alert(1)</script>" in await answer.read()


async def test_the_frame_of_a_mail_has_a_policy_of_its_own(signed_in: SignIn) -> None:
    browser = await signed_in(BORIS)
    answer = await browser.get("/desk/messages/M101/html")
    host = f"{browser.host}:{browser.port}"
    assert answer.headers["Content-Security-Policy"] == (
        f"default-src 'none'; img-src http://{host}/desk/inline/; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
    )
    html = await answer.text()
    assert "tracker.example.net" not in html
    assert re.search(r'src="/desk/inline/[\w.-]+"', html)
    with_images = await browser.get("/desk/messages/M101/html?images=1")
    assert "http: https:" in with_images.headers["Content-Security-Policy"]
    assert "https://tracker.example.net/pixel.gif" in await with_images.text()


def test_the_frame_lets_no_script_through_even_if_the_store_did() -> None:
    hostile = (
        '<script>alert(1)</script><img src="x" onerror="alert(1)"><a href="javascript:alert(1)">a</a>'
        '<form action="https://evil"><input></form><iframe src="https://evil"></iframe><base href="https://evil">'
        '<p style="background:url(https://evil/x.gif)">b</p><p style="color:red">c</p>'
        "<meta http-equiv=refresh content=0>"
    )
    shown = document(hostile, {}, remote=False).partition("<body>")[2]
    assert re.findall(r"script|onerror|javascript|form|iframe|base|evil|meta", shown) == []
    assert 'style="color:red"' in shown


def test_a_host_header_adds_nothing_to_the_frames_policy() -> None:
    assert "evil" not in frame_policy("a.example; script-src evil", remote=False)
    assert "http://a.example:8080/desk/inline/" in frame_policy("a.example:8080", remote=False)


async def test_inline_images_need_a_signature_that_still_holds(anonymous: Desk, world: World) -> None:
    token = sign_inline(SECRET, key_of(PNG), "image/png", NOON)
    answer = await anonymous.get(f"/desk/inline/{token}")
    assert (answer.status, answer.content_type, await answer.read()) == (200, "image/png", PNG)
    for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), "x.y", token.partition(".")[0], "A" + token):
        assert (await anonymous.get(f"/desk/inline/{wrong}")).status == 404
    world.clock.pass_(minutes=12)
    assert (await anonymous.get(f"/desk/inline/{token}")).status == 404


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/xhtml+xml"])
async def test_a_signed_url_never_shows_what_could_run(anonymous: Desk, media_type: str) -> None:
    token = sign_inline(SECRET, key_of(PNG), media_type, NOON)
    assert (await anonymous.get(f"/desk/inline/{token}")).status == 404


def test_a_signature_lasts_ten_minutes_and_another_key_opens_nothing() -> None:
    token = sign_inline(SECRET, key_of(PNG), "image/png", NOON)
    assert read_inline(SECRET, token, NOON + INLINE_LIFE) is not None
    assert read_inline(SECRET, token, NOON + INLINE_LIFE + timedelta(minutes=1)) is None
    assert read_inline(b"another", token, NOON) is None


async def test_attachments_are_downloads(signed_in: SignIn) -> None:
    answer = await (await signed_in(BORIS)).get("/desk/attachments/A1012")
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="')
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_names_cannot_break_the_header() -> None:
    assert disposition('a"\r\nSet-Cookie: x=1;.txt') == (
        "attachment; filename=\"a___Set-Cookie_ x=1;.txt\"; filename*=UTF-8''a___Set-Cookie_%20x%3D1%3B.txt"
    )
    assert disposition("../../etc/passwd").startswith('attachment; filename="_.._etc_passwd"')
    assert disposition("счёт.pdf").endswith("filename*=UTF-8''%D1%81%D1%87%D1%91%D1%82.pdf")


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/xml", "text/javascript", "bad type"])
def test_types_that_browsers_run_are_not_named(media_type: str) -> None:
    assert attachment_response(b"x", "a", media_type).headers["Content-Type"] == "application/octet-stream"


def test_raw_bytes_are_read_as_what_they_are() -> None:
    assert decode_raw("Привет\r\n\x1b[31m".encode()) == "Привет\n\ufffd[31m"
    assert decode_raw("Привет".encode()[:-1]) == "Приве"
    assert decode_raw(b"\xcf\xf0\xe8\xe2\xe5\xf2, abc") == "Ïðèâåò, abc"


@pytest.mark.parametrize(
    ("headers", "language", "heading"),
    [
        ({"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.8"}, "ru", "Все мои линии"),
        ({"Accept-Language": "de,en;q=0.5,ru;q=0.4"}, "en", "All my lines"),
        ({"Accept-Language": "ru;q=0.1,en"}, "en", "All my lines"),
        ({"Accept-Language": "ru;q=x,,"}, "en", "All my lines"),
        ({}, "en", "All my lines"),
    ],
)
async def test_pages_speak_the_readers_language(
    signed_in: SignIn, headers: dict[str, str], language: str, heading: str
) -> None:
    page = await (await (await signed_in(ANNA)).get("/desk", headers=headers)).text()
    assert f'<html lang="{language}"' in page
    assert f"<h1>{heading}</h1>" in page


async def test_the_number_of_tickets_has_its_russian_plural(signed_in: SignIn, world: World) -> None:
    browser = await signed_in(CHIEF)
    numbers = sorted(world.views.tickets)
    for count, words in ((1, "1 обращение"), (2, "2 обращения"), (5, "5 обращений")):
        world.views.tickets = {number: ticket(number) for number in numbers[:count]}
        assert words in await (await browser.get("/desk?lang=ru")).text()


async def test_a_ticket_says_why_it_is_here_and_the_rules_come_on_demand(signed_in: SignIn) -> None:
    browser = await signed_in(BORIS)
    page = await (await browser.get("/desk/tickets/T-000101")).text()
    steps = re.findall(r'<span class="step-name">([^<]+)</span>', page)
    assert steps == ["Requester", "Conversation", "Service", "Kind", "Priority", "Plan", "Line"]
    assert "Rule sync-words (rules.yaml:12) matched" in page
    assert "invoice-words" not in page
    fragment = await (await browser.get("/desk/tickets/T-000101/why", headers={"HX-Request": "true"})).text()
    assert fragment.lstrip().startswith("<ol")
    assert "text has none of the words «счёт», «акт», «invoice»" in fragment
    whole = await (await browser.get("/desk/tickets/T-000101/why")).text()
    assert "Decided by revision 7 of the policy" in whole


async def test_a_ticket_shows_its_clocks_as_a_drawing(signed_in: SignIn) -> None:
    page = await (await (await signed_in(BORIS)).get("/desk/tickets/T-000101")).text()
    assert page.count('<svg class="timeline"') == 2
    assert (
        'aria-label="First response: 45 min of 1 h used"'.replace(" min", "\u00a0min").replace("1 h", "1\u00a0h")
        in page
    )


async def test_a_held_message_becomes_a_ticket_once(signed_in: SignIn, world: World) -> None:
    browser = await signed_in(CHIEF)
    token = next(iter(world.accounts.sessions.values())).csrf
    for _ in range(2):
        answer = await browser.post("/desk/quarantine/H1/release", data={"csrf": token}, allow_redirects=False)
        assert answer.status == 303
    assert world.releases.released == [("H1", "agent:01CHIEF")]
    assert "On its way to a ticket" in await (await browser.get("/desk/quarantine")).text()


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/desk/tickets/T-999999", 404, "There is nothing here"),
        ("/desk/tickets/nonsense", 404, "There is nothing here"),
        ("/static/../app.py", 404, "There is nothing here"),
        ("/desk?cursor=nonsense", 422, "The address does not make sense"),
        ("/desk?status=nonsense", 422, "The address does not make sense"),
    ],
)
async def test_errors_are_pages_of_ours(signed_in: SignIn, path: str, status: int, title: str) -> None:
    answer = await (await signed_in(ANNA)).get(path)
    assert answer.status == status
    assert f"<h1>{title}</h1>" in await answer.text()


async def test_a_fault_of_ours_shows_nothing_of_the_inside(
    signed_in: SignIn, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("SELECT secret FROM inside")

    monkeypatch.setattr(world.views, "queue", broken)
    answer = await (await signed_in(ANNA)).get("/desk")
    page = await answer.text()
    assert answer.status == 500
    assert "Something broke on our side" in page
    assert "secret" not in page
    assert "Traceback" not in page


async def test_an_absent_database_says_when_to_come_back(signed_in: SignIn, world: World) -> None:
    browser = await signed_in(ANNA)
    world.views.away = True
    answer = await browser.get("/desk")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
    assert Unavailable("database").reason not in await answer.text()


async def test_static_files_are_kept_for_good_under_the_name_of_their_content(anonymous: Desk) -> None:
    page = await (await anonymous.get("/desk/sign-in")).text()
    names = re.findall(r'(?:src|href)="(/static/[^"#]+)', page)
    assert len(names) >= 4
    for name in names:
        answer = await anonymous.get(name)
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    plain = await anonymous.get("/static/desk.js")
    assert plain.headers["Cache-Control"] == "no-cache"
    again = await anonymous.get("/static/desk.js", headers={"If-None-Match": plain.headers["ETag"]})
    assert again.status == 304


async def test_the_queue_goes_on_page_by_page(world: World) -> None:
    world.views.tickets = {number: replace(ticket(101), number=number) for number in range(1, 121)}
    app = application(world)
    async with TestClient(TestServer(app)) as browser:
        browser.session.cookie_jar.update_cookies({"priyom_session": world.accounts.sign_in(CHIEF)})
        seen: list[str] = []
        path = "/desk"
        while path:
            page = await (await browser.get(path, headers={"HX-Target": "more-x"} if seen else {})).text()
            seen += re.findall(r'<tr id="(T-\d+)"', page)
            following = re.search(r'hx-get="([^"]*cursor[^"]*)"', page)
            path = following[1].replace("&amp;", "&") if following else ""
    assert seen == [f"T-{number:06d}" for number in range(1, 121)]


async def test_a_recording_is_handed_on_as_a_download(signed_in: SignIn, world: World) -> None:
    answer = await (await signed_in(BORIS)).get("/desk/recordings/M101")
    assert (answer.status, len(await answer.read())) == (200, 3000)
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="call-M101.wav"')
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    world.recordings.fault = Unavailable("recordings", reason="the telephone system answered 500")
    assert (await (await signed_in(BORIS)).get("/desk/recordings/M101")).status == 503

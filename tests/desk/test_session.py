"""Signing in by a link that works once, CSRF, origins, cookies, preferences."""

import re

from aiohttp.test_utils import TestClient, TestServer

from desk.session import safe_next
from tests.desk.conftest import Desk, SignIn, application, csrf_of
from tests.fakes_desk import World
from tests.fakes_desk_data import ANNA, CHIEF, NOON


def hidden(page: str, name: str = "csrf") -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


async def link(world: World) -> str:
    return await world.accounts.new_link(ANNA.id, NOON, valid=None)  # type: ignore[arg-type]


async def test_opening_the_link_uses_nothing_up_and_pressing_the_button_does(anonymous: Desk, world: World) -> None:
    secret = await link(world)
    page = await (await anonymous.get(f"/desk/sign-in/{secret}")).text()
    assert secret in world.accounts.links
    answer = await anonymous.post(f"/desk/sign-in/{secret}", data={"csrf": hidden(page)}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/desk")
    cookie = answer.cookies["priyom_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert (await anonymous.get("/desk")).status == 200
    assert secret not in world.accounts.links


async def test_a_used_link_and_an_unknown_one_answer_alike(anonymous: Desk, world: World) -> None:
    answers = []
    for secret in ("never-was-one-0123456789", "another-never-was-0123"):
        page = await (await anonymous.get(f"/desk/sign-in/{secret}")).text()
        answer = await anonymous.post(f"/desk/sign-in/{secret}", data={"csrf": hidden(page)})
        answers.append((answer.status, (await answer.text()).replace(secret, "")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 403
    assert "This link is not valid" in answers[0][1]


async def test_signing_in_rotates_the_session(signed_in: SignIn, world: World) -> None:
    browser = await signed_in(CHIEF)
    before = set(world.accounts.sessions)
    secret = await link(world)
    page = await (await browser.get(f"/desk/sign-in/{secret}")).text()
    await browser.post(f"/desk/sign-in/{secret}", data={"csrf": hidden(page)}, allow_redirects=False)
    assert not before & set(world.accounts.sessions)
    assert len(world.accounts.sessions) == 1


async def test_a_secure_cookie_is_bound_to_the_host(world: World) -> None:
    secret = await link(world)
    app = application(world, secure_cookies=True)
    async with TestClient(TestServer(app)) as browser:
        page = await browser.get(f"/desk/sign-in/{secret}")
        visitor = page.cookies["__Host-priyom_visitor"]
        answer = await browser.post(
            f"/desk/sign-in/{secret}",
            data={"csrf": hidden(await page.text())},
            headers={"Cookie": f"__Host-priyom_visitor={visitor.value}"},
            allow_redirects=False,
        )
    cookie = answer.cookies["__Host-priyom_session"]
    assert (cookie["secure"], cookie["httponly"], cookie["path"], cookie["domain"]) == (True, True, "/", "")


async def test_signing_out_ends_the_session(signed_in: SignIn, world: World) -> None:
    browser = await signed_in(ANNA)
    answer = await browser.post("/desk/sign-out", data={"csrf": csrf_of(world, ANNA)}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/desk/sign-in")
    assert world.accounts.sessions == {}


async def test_a_post_without_our_token_is_refused(signed_in: SignIn, world: World) -> None:
    browser = await signed_in(CHIEF)
    for data in ({}, {"csrf": "wrong"}, {"csrf": csrf_of(world, CHIEF) + "x"}):
        assert (await browser.post("/desk/quarantine/H1/release", data=data)).status == 403
    assert world.releases.released == []


async def test_a_post_from_another_site_is_refused_even_with_the_token(signed_in: SignIn, world: World) -> None:
    browser = await signed_in(CHIEF)
    data = {"csrf": csrf_of(world, CHIEF)}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await browser.post("/desk/quarantine/H1/release", data=data, headers=headers)).status == 403
    own = {"Origin": "http://desk.test", "Sec-Fetch-Site": "same-origin"}
    answer = await browser.post("/desk/quarantine/H1/release", data=data, headers=own, allow_redirects=False)
    assert answer.status == 303


async def test_a_visitors_token_belongs_to_their_cookie(anonymous: Desk, world: World) -> None:
    page = await (await anonymous.get("/desk/sign-in")).text()
    anonymous.session.cookie_jar.clear()
    answer = await anonymous.post("/desk/sign-in", data={"csrf": hidden(page), "link": "x" * 30})
    assert answer.status == 403


async def test_a_pasted_link_leads_to_its_page(anonymous: Desk) -> None:
    page = await (await anonymous.get("/desk/sign-in")).text()
    token = hidden(page)
    for pasted in ("https://desk.test/desk/sign-in/abcdefghijklmnopqrst", " abcdefghijklmnopqrst "):
        answer = await anonymous.post("/desk/sign-in", data={"csrf": token, "link": pasted}, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/desk/sign-in/abcdefghijklmnopqrst")
    answer = await anonymous.post("/desk/sign-in", data={"csrf": token, "link": "javascript:alert(1)"})
    assert answer.status == 422


async def test_preferences_are_kept_and_lead_back_to_our_own_pages_only(anonymous: Desk) -> None:
    token = hidden(await (await anonymous.get("/desk/sign-in")).text())
    data = {"csrf": token, "lang": "ru", "theme": "dark", "back": "//evil.example/desk"}
    answer = await anonymous.post("/desk/preferences", data=data, allow_redirects=False)
    assert answer.headers["Location"] == "/desk"
    page = await (await anonymous.get("/desk/sign-in")).text()
    assert '<html lang="ru" data-theme="dark">' in page


def test_where_to_go_after_signing_in_is_always_ours() -> None:
    asked = (
        "/desk",
        "/desk/tickets/T-000001",
        "/desk?q=a",
        "//evil.example",
        "/deskevil",
        "https://evil",
        "/desk/\\x",
        "",
    )
    assert [safe_next(each) for each in asked] == [
        "/desk",
        "/desk/tickets/T-000001",
        "/desk?q=a",
        "/desk",
        "/desk",
        "/desk",
        "/desk",
        "/desk",
    ]

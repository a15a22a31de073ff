"""Every route x nobody, an agent of other lines, the right agent. The table must name every route that is served."""

import pytest

from desk.app import AGENT_PAGES, PUBLIC_PAGES
from domain.people import Agent
from tests.desk.conftest import Desk, SignIn, csrf_of
from tests.fakes_desk import World
from tests.fakes_desk_data import ANNA, BORIS, CHIEF

# Ticket 101 stands on the second line: Boris's. 102 on the first: Anna's. Held messages are the chief's.
CASES: tuple[tuple[str, str, str, Agent, Agent | None], ...] = (
    ("GET", "/desk", "/desk", ANNA, None),
    ("GET", "/desk/rows", "/desk/rows?numbers=102", ANNA, None),
    ("GET", "/desk/rail", "/desk/rail", ANNA, None),
    ("GET", "/desk/events", "/desk/events", ANNA, None),
    ("GET", "/desk/tickets/{number}", "/desk/tickets/T-000101", BORIS, ANNA),
    ("GET", "/desk/tickets/{number}/why", "/desk/tickets/T-000101/why", BORIS, ANNA),
    ("GET", "/desk/messages/{message}/html", "/desk/messages/M101/html", BORIS, ANNA),
    ("GET", "/desk/messages/{message}/raw", "/desk/messages/M101/raw", BORIS, ANNA),
    ("GET", "/desk/attachments/{attachment}", "/desk/attachments/A1011", BORIS, ANNA),
    ("GET", "/desk/quarantine", "/desk/quarantine", CHIEF, ANNA),
    ("GET", "/desk/quarantine/{held}", "/desk/quarantine/H1", CHIEF, ANNA),
    ("POST", "/desk/quarantine/{held}/release", "/desk/quarantine/H1/release", CHIEF, ANNA),
    ("POST", "/desk/sign-out", "/desk/sign-out", ANNA, None),
)


def test_the_table_names_every_page_of_agents() -> None:
    assert {(method, route) for method, route, *_ in CASES} == {(method, path) for method, path, _ in AGENT_PAGES}
    assert len(PUBLIC_PAGES) == 8


@pytest.mark.parametrize(("method", "route", "path", "right", "foreign"), CASES)
async def test_nobody_gets_in(
    anonymous: Desk, method: str, route: str, path: str, right: Agent, foreign: Agent | None
) -> None:
    answer = await anonymous.request(method, path, allow_redirects=False)
    expected = (303, "/desk/sign-in") if method == "GET" else (401, None)
    assert (answer.status, (answer.headers.get("Location") or "").partition("?")[0] or None) == expected


@pytest.mark.parametrize(("method", "route", "path", "right", "foreign"), CASES)
async def test_the_right_agent_gets_in(
    signed_in: SignIn, world: World, method: str, route: str, path: str, right: Agent, foreign: Agent | None
) -> None:
    browser = await signed_in(right)
    answer = await browser.request(method, path, data=_csrf(world, right, method), allow_redirects=False)
    assert answer.status == (303 if method == "POST" else 200)
    answer.close()


@pytest.mark.parametrize(("method", "route", "path", "right", "foreign"), [case for case in CASES if case[4]])
async def test_foreign_and_absent_look_the_same(
    signed_in: SignIn, world: World, method: str, route: str, path: str, right: Agent, foreign: Agent
) -> None:
    browser = await signed_in(foreign)
    there = await browser.request(method, path, data=_csrf(world, foreign, method), allow_redirects=False)
    absent = path.replace("000101", "999999").replace("M101", "M999").replace("A1011", "A9991").replace("H1", "H9")
    gone = await browser.request(method, absent, data=_csrf(world, foreign, method), allow_redirects=False)
    assert (there.status, gone.status) == (404, 404)
    assert _neutral(await there.text(), path) == _neutral(await gone.text(), absent)
    assert world.releases.released == []


def _csrf(world: World, agent: Agent, method: str) -> dict[str, str]:
    return {"csrf": csrf_of(world, agent)} if method == "POST" else {}


def _neutral(page: str, path: str) -> str:
    return page.replace(path, "")


async def test_lists_and_counts_stay_inside_the_scope(signed_in: SignIn, world: World) -> None:
    browser = await signed_in(ANNA)
    page = await (await browser.get("/desk")).text()
    shown = {number for number in world.views.tickets if f"T-{number:06d}" in page}
    assert shown == {number for number, found in world.views.tickets.items() if found.line == "first"}
    assert "Вторая линия" not in page
    assert "Second line" not in page
    assert (await (await browser.get("/desk/rows?numbers=101,102")).text()).count("<tr") == 1
    assert (await browser.get("/desk?line=second")).status == 422


async def test_search_finds_nothing_of_other_lines(signed_in: SignIn) -> None:
    browser = await signed_in(ANNA)
    page = await (await browser.get("/desk", params={"q": "T-000101"})).text()
    assert 'class="row' not in page
    assert "No ticket fits" in page


async def test_suggestions_name_only_what_the_reader_may_see(signed_in: SignIn) -> None:
    page = await (await (await signed_in(BORIS)).get("/desk/tickets/T-000101")).text()
    assert "T-000102" not in page
    page = await (await (await signed_in(CHIEF)).get("/desk/tickets/T-000101")).text()
    assert "T-000102" in page


async def test_an_ended_session_is_nobody(signed_in: SignIn, world: World) -> None:
    browser = await signed_in(ANNA)
    world.clock.pass_(hours=13)
    assert (await browser.get("/desk", allow_redirects=False)).status == 303


async def test_fragments_without_a_session_send_the_page_to_sign_in(anonymous: Desk) -> None:
    answer = await anonymous.get("/desk/rows?numbers=1", headers={"HX-Request": "true"})
    assert (answer.status, answer.headers["HX-Redirect"]) == (401, "/desk/sign-in")

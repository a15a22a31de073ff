"""Every route x nobody, an agent of other lines, one whose card is narrower, the right one. The table must name every
route."""

from dataclasses import replace

import pytest

from desk.api.routes import ROUTES, ApiRoute
from desk.app import AGENT_PAGES, PUBLIC_PAGES
from domain.people import Agent
from domain.views import scope_of
from tests.desk.conftest import Desk, SignIn, csrf_of
from tests.fakes_desk import World
from tests.fakes_desk_data import ANNA, BORIS, CHIEF, LONG_SUBJECT, ticket

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
    ("GET", "/desk/recordings/{message}", "/desk/recordings/M101", BORIS, ANNA),
    ("GET", "/desk/quarantine", "/desk/quarantine", CHIEF, ANNA),
    ("GET", "/desk/quarantine/{held}", "/desk/quarantine/H1", CHIEF, ANNA),
    ("POST", "/desk/quarantine/{held}/release", "/desk/quarantine/H1/release", CHIEF, ANNA),
    ("GET", "/desk/channels", "/desk/channels", CHIEF, ANNA),
    ("POST", "/desk/presence", "/desk/presence", ANNA, None),
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
    return {"csrf": csrf_of(world, agent), "presence": "on"} if method == "POST" else {}


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


PETR = Agent(id="01PETR", email="petr@partner.example", name="Пётр Иванов", lines=frozenset({"first"}))
"""Works the first line for the partner whom it is delegated to."""


@pytest.fixture
def delegated(world: World) -> World:
    """The first line is a partner's, and 101 stands there, in Anna's hands."""
    lines = world.policy.current.lines
    first = replace(lines["first"], partner="ORG-7")
    world.policy.current = replace(world.policy.current, lines={**lines, "first": first})
    world.accounts.people[PETR.id] = PETR
    world.views.tickets[101] = replace(ticket(101), line="first", assignee=ANNA.id, assignee_name=ANNA.name)
    return world


def of_another_group(world: World) -> World:
    """101 stands on the first line in a group that is not Petr's; the others there are in none."""
    world.accounts.people[PETR.id] = replace(PETR, groups=frozenset({("first", "tablets")}))
    world.views.tickets[101] = replace(ticket(101), line="first", group="data")
    return world


def of_another_audience(world: World) -> World:
    """All others are of an audience that Petr serves, and 101 is not."""
    world.accounts.people[PETR.id] = replace(PETR, audiences=frozenset({"retail", "staff"}))
    world.views.tickets = {n: replace(each, audiences=("retail", "vip")) for n, each in world.views.tickets.items()}
    world.views.tickets[101] = replace(ticket(101), line="first", audiences=("vip",))
    return world


@pytest.fixture(params=["partner", "group", "audience"])
def narrowed(request: pytest.FixtureRequest, world: World) -> World:
    """Petr works the first line, and of its tickets 101 alone is not for him; 102 names it in its subject."""
    if request.param == "partner":
        request.getfixturevalue("delegated")
    else:
        {"group": of_another_group, "audience": of_another_audience}[request.param](world)
    world.views.tickets[102] = replace(world.views.tickets[102], suggestions=(101,))
    return world


@pytest.mark.parametrize(("method", "route", "path", "right", "foreign"), CASES)
async def test_who_may_not_see_a_ticket_of_their_line_meets_it_on_no_route(
    signed_in: SignIn, narrowed: World, method: str, route: str, path: str, right: Agent, foreign: Agent | None
) -> None:
    """Every page there is: what names the ticket is as absent, and no list has it."""
    browser = await signed_in(PETR)
    if route == "/desk/events":
        stream = await browser.get(path)
        await narrowed.live.wait_for(1)
        narrowed.live.tell(101, "first")
        narrowed.live.tell(102, "first")
        assert b'"ticket":102' in await stream.content.readuntil(b"}\n\n")
        stream.close()
        return
    asked = f"{path}&numbers=101,102" if route == "/desk/rows" else path
    answer = await browser.request(method, asked, data=_csrf(narrowed, PETR, method), allow_redirects=False)
    if foreign is not None:
        assert answer.status == 404
    page = await answer.text()
    assert "T-000101" not in page.replace(path, "")
    assert LONG_SUBJECT not in page


async def test_neither_lists_nor_counts_nor_pages_of_other_tickets_have_it(signed_in: SignIn, narrowed: World) -> None:
    browser, chief = await signed_in(PETR), await signed_in(CHIEF)
    for path in ("/desk?status=all", "/desk?q=T-000101", "/desk?line=first", "/desk/tickets/T-000102"):
        assert LONG_SUBJECT not in await (await browser.get(path)).text(), path
        assert LONG_SUBJECT in await (await chief.get(path)).text(), path
    scope = scope_of(narrowed.accounts.people[PETR.id], narrowed.policy.current)
    every = scope_of(CHIEF, narrowed.policy.current)
    seen, there = [
        sum(count.open for count in await narrowed.views.counts(each, narrowed.clock.now()) if count.line == "first")
        for each in (scope, every)
    ]
    assert 0 < seen < there
    assert f"</span>{seen}</span>" in await (await browser.get("/desk/rail?line=first")).text()


async def test_what_is_in_ones_own_hands_is_seen_whatever_group_and_audience_it_is_of(
    signed_in: SignIn, narrowed: World
) -> None:
    mine = replace(narrowed.views.tickets[101], assignee=PETR.id, assignee_name=PETR.name)
    narrowed.views.tickets[101] = mine
    browser = await signed_in(PETR)
    assert LONG_SUBJECT in await (await browser.get("/desk")).text()
    assert (await browser.get("/desk/tickets/T-000101")).status == 200
    narrowed.views.tickets[101] = replace(mine, line="second")
    assert (await browser.get("/desk/tickets/T-000101")).status == 404


async def test_a_partners_agent_sees_the_queue_and_what_is_theirs(signed_in: SignIn, delegated: World) -> None:
    delegated.views.tickets[103] = replace(delegated.views.tickets[103], assignee=PETR.id, assignee_name=PETR.name)
    browser = await signed_in(PETR)
    page = await (await browser.get("/desk")).text()
    shown = {number for number in delegated.views.tickets if f"T-{number:06d}" in page}
    on_first = {n: found.assignee for n, found in delegated.views.tickets.items() if found.line == "first"}
    assert shown == {number for number, assignee in on_first.items() if assignee in (None, PETR.id)}
    assert {102, 103} <= shown
    assert 101 not in shown
    assert (await browser.get("/desk/tickets/T-000103")).status == 200
    found = await (await browser.get("/desk", params={"q": "T-000101"})).text()
    assert 'class="row' not in found
    colleagues = await (await browser.get("/desk", params={"assignee": ANNA.id})).text()
    assert 'class="row' not in colleagues
    assert LONG_SUBJECT in await (await (await signed_in(CHIEF)).get("/desk")).text()
    assert (await (await signed_in(CHIEF)).get("/desk/tickets/T-000101")).status == 200


OWN = [(route.method, route.path) for route in ROUTES if route.session is not None]


def test_the_routes_of_the_api_that_take_a_session_are_these() -> None:
    assert set(OWN) == {
        ("GET", "/api/v1/agents"),
        ("GET", "/api/v1/channels"),
        ("PATCH", "/api/v1/agents/{id}"),
        ("POST", "/api/v1/agents/{id}/presence"),
    }


@pytest.mark.parametrize("route", [route for route in ROUTES if route.needs != "public"], ids=lambda route: route.name)
async def test_a_signed_in_agent_without_a_token_gets_nowhere_in_the_api_but_to_themselves(
    signed_in: SignIn, delegated: World, route: ApiRoute
) -> None:
    browser = await signed_in(PETR)
    names = {"{number}": "T-000101", "{delivery}": "D101", "{id}": "A1011" if "attachments" in route.path else ANNA.id}
    path = route.path
    for name, value in names.items():
        path = path.replace(name, value)
    body = {"presence": "away"} if route.name == "setPresence" else {}
    answer = await browser.request(
        route.method,
        path,
        headers={"X-CSRF-Token": csrf_of(delegated, PETR)},
        json=None if route.method == "GET" else body,
    )
    assert answer.status == (401 if route.session is None else 403)
    assert "T-000101" not in await answer.text()
    assert delegated.actions.done == []
    assert delegated.accounts.people[ANNA.id] == ANNA

"""The desk in a real browser: it signs in, stays live, speaks and shows well, and asks no other host for anything.

Every page that these tests open is listened to: a console error, a violated policy, an uncaught exception or a
request to another host fails the test that caused it.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.desk.conftest import application
from tests.fakes_desk import World
from tests.fakes_desk_data import ANNA, CHIEF, NOON, ticket

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    "--disable-sync", "--no-first-run", "--disable-domain-reliability",
)  # fmt: skip
DESKTOP, PHONE = (1440, 900), (390, 844)

pytestmark = pytest.mark.xdist_group("browser")


@dataclass
class Site:
    """The desk on a port of its own, and everything that browsers complained about."""

    world: World
    server: TestServer
    browser: Browser
    complaints: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    @asynccontextmanager
    async def visit(
        self, *, session: str | None = None, lang: str = "en", theme: str = "light", size: tuple[int, int] = DESKTOP
    ) -> AsyncIterator[Page]:
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, timezone_id="Europe/Moscow", reduced_motion="reduce"
        )
        cookies = {"priyom_lang": lang, "priyom_theme": theme} | ({"priyom_session": session} if session else {})
        await context.add_cookies([{"name": n, "value": v, "url": self.url} for n, v in cookies.items()])
        page = await context.new_page()
        self._listen(context, page)
        try:
            yield page
        finally:
            await context.close()

    def _listen(self, context: BrowserContext, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        home = urlsplit(self.url).netloc
        context.on(
            "request",
            lambda asked: urlsplit(asked.url).netloc in (home, "") or self.complaints.append(f"asked {asked.url}"),
        )


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        await opened.close()


@pytest.fixture
async def site(browser: Browser) -> AsyncIterator[Site]:
    world = World()
    app: web.Application = application(world, timezone="Europe/Moscow")
    async with TestServer(app) as server:
        here = Site(world, server, browser)
        yield here
        assert here.complaints == []


async def test_an_agent_signs_in_by_a_link_opens_a_ticket_and_sees_why(site: Site) -> None:
    secret = await site.world.accounts.new_link(ANNA.id, NOON, timedelta(minutes=15))
    async with site.visit() as page:
        await page.goto(f"{site.url}/desk/sign-in/{secret}")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("All my lines")
        await page.get_by_role("link", name="Не приходит акт сверки за октябрь").first.click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Не приходит акт сверки за октябрь")
        await page.get_by_role("link", name="Show the rules that were tried").click()
        await expect(page.locator("#steps .tried .hit")).to_contain_text("sync-words")
        await expect(page.get_by_role("link", name="Show the rules that were tried")).to_have_count(0)
        await page.get_by_role("button", name="Sign out").click()
        await expect(page).to_have_url(f"{site.url}/desk/sign-in")


async def test_a_new_ticket_appears_within_a_second_in_its_place(site: Site) -> None:
    world, session = site.world, site.world.accounts.sign_in(ANNA)
    del world.views.tickets[103]
    async with site.visit(session=session) as page:
        await page.goto(f"{site.url}/desk")
        await expect(page.locator("#rows tr.row").first).to_be_visible()
        before = await page.locator("#rows tr.row").evaluate_all("rows => rows.map(row => row.id)")
        await world.live.wait_for(1)
        world.views.tickets[103] = ticket(103)
        world.live.tell(103, "first")
        await expect(page.locator("#T-000103")).to_be_visible(timeout=1000)
        after = await page.locator("#rows tr.row").evaluate_all("rows => rows.map(row => row.id)")
        orders = await page.locator("#rows tr.row").evaluate_all("rows => rows.map(row => row.dataset.order)")
        assert [each for each in after if each != "T-000103"] == before
        assert orders == sorted(orders)
        await expect(page.locator("#rail a[aria-current] .count:not(.late)")).to_contain_text(str(len(after)))
        await expect(page.locator("#total")).to_have_text(f"{len(after)} tickets")
        await expect(page.locator("#announce")).to_have_text("New ticket: T-000103")


async def test_nothing_moves_under_the_pointer(site: Site) -> None:
    world, session = site.world, site.world.accounts.sign_in(ANNA)
    del world.views.tickets[103]
    async with site.visit(session=session) as page:
        await page.goto(f"{site.url}/desk")
        target = page.locator("#rows tr.row").nth(4)
        await target.hover()
        place, name = await target.bounding_box(), await target.get_attribute("id")
        await world.live.wait_for(1)
        world.views.tickets[103] = ticket(103)
        world.live.tell(103, "first")
        bar = page.get_by_role("button", name="New or changed: 1")
        await expect(bar).to_be_visible(timeout=1000)
        assert await page.locator(f"#{name}").bounding_box() == place
        await bar.click()
        await expect(page.locator("#T-000103")).to_be_visible()
        await expect(bar).to_be_hidden()


async def test_tickets_of_other_lines_do_not_come_in(site: Site) -> None:
    world, session = site.world, site.world.accounts.sign_in(ANNA)
    foreign, own = world.views.tickets.pop(101), world.views.tickets.pop(103)
    async with site.visit(session=session) as page:
        await page.goto(f"{site.url}/desk")
        await world.live.wait_for(1)
        world.views.tickets |= {101: foreign, 103: own}
        world.live.tell(101, "second")
        world.live.tell(101, None)
        world.live.tell(103, "first")
        await expect(page.locator("#T-000103")).to_be_visible(timeout=1000)
        await expect(page.locator("#T-000101")).to_have_count(0)


async def test_filters_change_the_list_and_the_address_without_a_reload(site: Site) -> None:
    async with site.visit(session=site.world.accounts.sign_in(CHIEF)) as page:
        await page.goto(f"{site.url}/desk")
        await page.evaluate("window.kept = true")
        await page.get_by_label("Any priority").select_option("p1")
        await expect(page.locator("#rows .priority.p1")).to_have_count(await page.locator("#rows tr.row").count())
        await expect(page).to_have_url(f"{site.url}/desk?priority=p1")
        await page.get_by_label("Search").fill("sync-03")
        await expect(page).to_have_url(f"{site.url}/desk?q=sync-03&priority=p1")
        assert await page.evaluate("window.kept") is True


async def test_the_keyboard_goes_through_the_queue(site: Site) -> None:
    async with site.visit(session=site.world.accounts.sign_in(CHIEF)) as page:
        await page.goto(f"{site.url}/desk")
        numbers = await page.locator("#rows tr.row").evaluate_all("rows => rows.map(row => row.id)")
        for key in ("j", "j", "j", "k"):
            await page.keyboard.press(key)
        assert await page.evaluate("document.activeElement.closest('tr').id") == numbers[1]
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
        await page.keyboard.press("Escape")
        await page.keyboard.press("/")
        assert await page.evaluate("document.activeElement.id") == "q"
        await page.keyboard.type("j?")
        assert await page.get_by_label("Search").input_value() == "j?"
        await page.keyboard.press("Escape")
        await page.goto(f"{site.url}/desk/tickets/{numbers[1]}")
        await page.keyboard.press("g")
        await page.keyboard.press("q")
        await expect(page).to_have_url(f"{site.url}/desk")


async def test_the_html_of_a_mail_is_shown_and_asks_nobody_until_told(site: Site) -> None:
    async with site.visit(session=site.world.accounts.sign_in(CHIEF)) as page:
        await page.route("https://tracker.example.net/**", lambda route: route.fulfill(body=""))
        await page.goto(f"{site.url}/desk/tickets/T-000101")
        await page.get_by_text("Original formatting").click()
        frame = page.frame_locator("iframe")
        await expect(frame.locator("b")).to_have_text("не проходит обмен")
        await expect(frame.get_by_alt_text("снимок экрана")).to_have_js_property("naturalWidth", 1)
        assert site.complaints == []
        await page.get_by_role("link", name="Load them").click()
        await expect(frame.locator("img")).to_have_count(2)
        await page.wait_for_timeout(200)
    assert site.complaints == ["asked https://tracker.example.net/pixel.gif"]
    site.complaints.clear()


async def test_a_form_is_sent_without_any_script(site: Site) -> None:
    context = await site.browser.new_context(java_script_enabled=False, locale="ru-RU")
    page = await context.new_page()
    await page.goto(f"{site.url}/form/default")
    await page.get_by_label("О чём речь?").fill("Не печатает")
    await page.get_by_label("Что случилось?").fill("Принтер молчит")
    await page.get_by_label("Почта").fill("olga@example.org")
    site.world.clock.pass_(seconds=5)
    await page.get_by_role("button", name="Отправить").click()
    await expect(page.get_by_text("Без согласия мы не можем заняться обращением.")).to_be_visible()
    await expect(page.get_by_label("Что случилось?")).to_have_value("Принтер молчит")
    await page.get_by_label("Согласен").check()
    await page.get_by_role("button", name="Отправить").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Обращение принято")
    assert len(site.world.intake.drafts) == 1
    await context.close()


async def test_the_desk_works_without_any_script(site: Site) -> None:
    context = await site.browser.new_context(java_script_enabled=False)
    session = site.world.accounts.sign_in(CHIEF)
    await context.add_cookies([{"name": "priyom_session", "value": session, "url": site.url}])
    page = await context.new_page()
    await page.goto(f"{site.url}/desk")
    await page.get_by_label("Any channel").select_option("alert")
    await page.get_by_role("button", name="Apply").click()
    await page.locator("a.subject").first.click()
    await page.get_by_role("link", name="Show the rules that were tried").click()
    await expect(page.locator("#steps .tried .hit").first).to_contain_text("sync-words")
    await page.goto(f"{site.url}/desk/quarantine/H1")
    await page.get_by_role("button", name="Make a ticket").click()
    await expect(page.get_by_text("On its way to a ticket")).to_be_visible()
    await context.close()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_pages_are_accessible_and_fit_the_screen(
    site: Site, lang: str, theme: str, size: tuple[int, int]
) -> None:
    site.world.views.tickets = {n: t for n, t in site.world.views.tickets.items() if n < 111}
    session = site.world.accounts.sign_in(CHIEF)
    faults: list[str] = []
    pages = ("/desk", "/desk/tickets/T-000101", "/desk/tickets/T-000101/why", "/desk/quarantine", "/desk/quarantine/H1",
             "/desk?q=zzz", "/form/default", "/desk/messages/M101/raw")  # fmt: skip
    async with site.visit(session=session, lang=lang, theme=theme, size=size) as page:
        for path in pages:
            await page.goto(f"{site.url}{path}")
            faults += await _faults(page, path)
    async with site.visit(lang=lang, theme=theme, size=size) as page:
        await page.goto(f"{site.url}/desk/sign-in")
        faults += await _faults(page, "/desk/sign-in")
    assert faults == []


async def _faults(page: Page, path: str) -> list[str]:
    found = await Axe().run(page)
    faults = [f"{path}: {v['id']}: {v['nodes'][0]['html'][:160]}" for v in found.response["violations"]]
    wider = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return faults + ([f"{path}: {wider}px wider than the screen"] if wider > 0 else [])

"""An agent says on the page whether they are here."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.desk.conftest import SignIn, csrf_of
from tests.fakes_desk import World
from tests.fakes_desk_data import ANNA, NOON


async def test_a_click_says_whether_i_am_here_and_leads_back(signed_in: SignIn, world: World) -> None:
    browser = await signed_in(ANNA)
    form = {"csrf": csrf_of(world, ANNA), "presence": "away", "back": "/desk?line=first"}
    answer = await browser.post("/desk/presence", data=form, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/desk?line=first")
    assert world.accounts.people[ANNA.id].presence == "away"
    page = await (await browser.get("/desk", headers={"Accept-Language": "en"})).text()
    assert 'value="away" aria-pressed="true">Away<' in page
    assert 'value="on" aria-pressed="false">Here<' in page


@pytest.mark.parametrize("presence", ["", "asleep"])
async def test_what_is_no_presence_changes_nothing(signed_in: SignIn, world: World, presence: str) -> None:
    browser = await signed_in(ANNA)
    form = {"csrf": csrf_of(world, ANNA), "presence": presence}
    assert (await browser.post("/desk/presence", data=form, allow_redirects=False)).status == 422
    assert (await browser.post("/desk/presence", data={"presence": "away"}, allow_redirects=False)).status == 403
    assert world.accounts.people[ANNA.id] == ANNA


async def test_an_absence_that_is_over_is_shown_as_over(signed_in: SignIn, world: World) -> None:
    world.accounts.people[ANNA.id] = replace(ANNA, presence="away", away_until=NOON + timedelta(hours=1))
    browser = await signed_in(ANNA)
    assert 'value="away" aria-pressed="true"' in await (await browser.get("/desk")).text()
    world.clock.pass_(hours=1)
    assert 'value="on" aria-pressed="true"' in await (await browser.get("/desk")).text()

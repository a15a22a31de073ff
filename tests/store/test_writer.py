"""Turns of SQLite's one writer."""

import asyncio

import pytest

from store.writer import Turn, Writer


async def test_a_person_goes_before_a_backlog() -> None:
    writer = Writer(single=True)
    order: list[str] = []
    gate = asyncio.Event()

    async def work(name: str, turn: Turn) -> None:
        async with writer.turn(turn):
            order.append(name)
            if name == "first":
                await gate.wait()

    tasks = [asyncio.create_task(work("first", Turn.ROUTING))]
    await asyncio.sleep(0)
    for name, turn in (("sweep", Turn.HOUSEKEEPING), ("mail 1", Turn.ROUTING), ("mail 2", Turn.ROUTING)):
        tasks.append(asyncio.create_task(work(name, turn)))
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(work("click", Turn.PERSON)))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*tasks)
    assert order == ["first", "click", "mail 1", "mail 2", "sweep"]


async def test_a_waiter_that_is_cancelled_in_the_moment_it_gets_its_turn_passes_it_on() -> None:
    writer = Writer(single=True)
    seen: list[str] = []

    async def want(name: str) -> None:
        async with writer.turn(Turn.ROUTING):
            seen.append(name)

    async with writer.turn(Turn.ROUTING):
        cancelled = asyncio.create_task(want("cancelled"))
        patient = asyncio.create_task(want("patient"))
        await asyncio.sleep(0)
    cancelled.cancel()  # its turn was given as the block above was left, and it has not run since
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    async with asyncio.timeout(1):
        await patient
    assert seen == ["patient"]

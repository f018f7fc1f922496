"""What is remembered is right, or is not remembered."""

import asyncio

import pytest

from app.core.ttl_cache import TtlCache


class Source:
    """Answers what it is set to, when it is let."""

    def __init__(self) -> None:
        self.value = 1
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()

    async def ask(self) -> int:
        self.asked += 1
        value = self.value
        await self.open.wait()
        return value


async def test_an_answer_is_asked_for_once_until_it_is_forgotten() -> None:
    source, known = Source(), TtlCache[str, int](60)
    assert [await known.of("a", source.ask) for _ in range(3)] == [1, 1, 1]
    assert source.asked == 1
    source.value = 2
    known.forget(lambda value: value == 9)
    assert await known.of("a", source.ask) == 1
    known.forget(lambda value: value == 1)
    assert await known.of("a", source.ask) == 2


async def test_a_question_from_before_a_change_is_neither_kept_nor_shared_after_it() -> None:
    source, known = Source(), TtlCache[str, int](60)
    source.open.clear()
    before = asyncio.create_task(known.of("a", source.ask))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.value = 2
    known.forget(lambda _: True)
    after = asyncio.create_task(known.of("a", source.ask))
    await asyncio.sleep(0)
    source.open.set()
    assert (await before, await after) == (1, 2)
    assert await known.of("a", source.ask) == 2


async def test_how_long_is_asked_at_each_use() -> None:
    source, for_s = Source(), [60.0]
    known = TtlCache[str, int](lambda: for_s[0])
    await known.of("a", source.ask)
    for_s[0] = 0.0
    await known.of("a", source.ask)
    assert source.asked == 2


async def test_an_error_is_not_kept_and_reaches_everybody_who_asked() -> None:
    known = TtlCache[str, int](60)

    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError

    answers = await asyncio.gather(*(known.of("a", fail) for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in answers] == [ValueError] * 3
    with pytest.raises(ValueError):
        await known.of("a", fail)
    assert await known.of("a", Source().ask) == 1

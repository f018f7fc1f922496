"""Passwords: which are taken, and that no account is told from none by what is computed."""

from contextlib import ExitStack

import pytest
from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY

from app.core.errors import InvalidInput, Unavailable
from app.identity.people.passwords import (
    COMMON,
    Passwords,
    check_new_password,
    make_one_time_password,
    normalise_login,
)

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.mark.parametrize(
    "password", ["correct horse battery", "十二个字以上的一句话可以用", "a" * 127 + "b", " a space before "]
)
def test_length_is_all_that_is_asked_of_a_password(password: str) -> None:
    check_new_password(password, "zhang")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("elevenchars", "12 to 128"),
        ("x" * 129, "12 to 128"),
        ("Zhang@Court.cn", "login"),
        ("zhang@court.cn2026!", "login"),
        ("ZHANG@court.cnzhang@court.cn", "login"),
        ("Password12345", "first"),
        ("ｐａｓｓｗｏｒｄ１２３４５", "first"),
        ("bbbbbbbbbbbbbbb", "first"),
    ],
)
def test_what_is_tried_first_is_refused(password: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        check_new_password(password, "zhang@court.cn", field="new_password")
    assert refused.value.field == "new_password"
    assert password not in refused.value.detail


def test_the_list_is_in_the_form_that_is_compared() -> None:
    assert all(one == one.casefold() and 12 <= len(one) <= 128 for one in COMMON)


def test_a_one_time_password_is_long_random_and_itself_acceptable() -> None:
    made = {make_one_time_password() for _ in range(50)}
    assert len(made) == 50
    for one in made:
        check_new_password(one, "zhang")


def test_the_cost_is_the_librarys_recommendation() -> None:
    made = Passwords()
    hasher = made._hasher
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism) == (
        RFC_9106_LOW_MEMORY.memory_cost,
        RFC_9106_LOW_MEMORY.time_cost,
        RFC_9106_LOW_MEMORY.parallelism,
    )
    assert not hasher.check_needs_rehash(made._dummy), "nobody's hash costs what somebody's does"
    made.close()


async def test_right_wrong_and_none() -> None:
    passwords = Passwords(CHEAP)
    stored = await passwords.hash("ｗｉｄｅ letters ①")
    assert stored.startswith("$argon2id$")
    assert (await passwords.verify(stored, "wide letters 1")).right, "NFKC"
    for hash_, typed in ((stored, "wide letters 2"), (None, "wide letters 1"), ("not a hash", "wide letters 1")):
        verdict = await passwords.verify(hash_, typed)
        assert (verdict.right, verdict.new_hash) == (False, None)
    passwords.close()


async def test_only_so_many_wait_and_the_next_is_told_to_come_again() -> None:
    passwords = Passwords(CHEAP)
    with ExitStack() as waiting:
        for _ in range(18):
            waiting.enter_context(passwords.turn())
        with pytest.raises(Unavailable) as refused, passwords.turn():
            pass
        assert refused.value.retry_after_s == 2
        with pytest.raises(Unavailable):
            await passwords.hash("correct horse battery")
    assert (await passwords.hash("correct horse battery")).startswith("$argon2id$")
    passwords.close()


def test_logins_are_compared_without_width_case_and_blanks() -> None:
    assert normalise_login(" ＺＨＡＮＧ.Straße ") == normalise_login("zhang.strasse")

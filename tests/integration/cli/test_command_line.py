"""``leasetrace users`` and ``leasetrace keys``, as whoever runs the service types them."""

import re

import pytest

from app.access.domain import Role
from app.cli.keys import duration
from tests.api import Principals
from tests.factories.commands import Command
from tests.factories.people import People


async def test_the_first_administrator_is_made_signs_in_and_is_looked_after(
    people: People, run_command: Command
) -> None:
    made = run_command("users", "create", "Li.Lei", "--role", "platform_administrator", "--name", "李雷")
    assert made.exit_code == 0, made.output
    password = made.stdout.strip()
    assert re.fullmatch(r"([a-z2-9]{5}-){3}[a-z2-9]{5}", password)
    browser = await people.browser()
    assert (await browser.sign_in("li.lei", password)).json()["pending"] == ["password", "totp"]
    assert run_command("users", "disable", "li.lei").exit_code == 0
    assert (await browser.sign_in("li.lei", password)).status_code == 401
    assert "disabled" in run_command("users", "list").stdout
    assert run_command("users", "enable", "LI.LEI").exit_code == 0
    again = run_command("users", "reset-password", "li.lei").stdout.strip()
    assert again != password
    assert (await browser.sign_in("li.lei", password)).status_code == 401
    assert (await browser.sign_in("li.lei", again)).status_code == 201
    assert run_command("users", "reset-totp", "li.lei").exit_code == 0
    unknown = run_command("users", "disable", "nobody")
    assert unknown.exit_code == 1
    assert "nobody" in str(unknown.exception)


async def test_a_password_may_be_typed_and_is_no_option(people: People, run_command: Command) -> None:
    words = ("users", "create", "han", "--role", "court_administrator", "--court", "沪0105")
    short = run_command(*words, "--ask-password", typed="short\nshort\n")
    assert short.exit_code == 1
    made = run_command(*words, "--ask-password", typed="a long enough one\na long enough one\n")
    assert made.exit_code == 0, made.output
    assert "a long enough one" not in made.output
    assert (await (await people.browser()).sign_in("han", "a long enough one")).json()["pending"] == ["totp"]
    assert run_command(*words, "--password", "a long enough one").exit_code == 2


async def test_keys_are_listed_rotated_and_revoked(people: People, run_command: Command) -> None:
    made = run_command("keys", "create", "auditor", "--name", "watch", "--scope", "places:read", "--days", "10")
    assert made.exit_code == 0, made.output
    key = made.stdout.strip()
    prefix = key.split("_")[1]
    client = (await people.browser()).client

    async def told(text: str) -> int:
        return (await client.get("/v1/session", headers={"Authorization": f"Bearer {text}"})).status_code

    listed = run_command("keys", "list").stdout
    assert prefix in listed
    assert "places:read" in listed
    rotated = run_command("keys", "rotate", prefix, "--overlap", "0s").stdout.strip()
    assert await people.scalar("SELECT scopes FROM api_key ORDER BY api_key_id DESC LIMIT 1") == ["places:read"]
    assert run_command("keys", "revoke", rotated.split("_")[1]).exit_code == 0
    assert run_command("keys", "revoke", "0" * 12).exit_code == 1
    assert await told(rotated) == 401
    assert key.split("_")[2] not in listed
    foreign = run_command("keys", "create", "auditor", "--name", "watch", "--scope", "cases:read")
    assert foreign.exit_code == 1


async def test_the_keys_that_somebody_made_are_told_and_ended_together(
    principals: Principals, people: People, run_command: Command
) -> None:
    lessor = await principals.lessor()
    manager = await people.signed_in("mei", Role.LESSOR_MANAGER, lessor.subject_id)
    wanted = {"role": "lessor_feed", "holder": "gateway", "label": "x"}
    made = [(await manager.send("POST", "/v1/keys", wanted)).json() for _ in range(2)]
    shut = run_command("users", "disable", "mei")
    assert all(key["prefix"] in shut.stderr for key in made)
    assert "--made-by mei" in shut.stderr
    assert run_command("keys", "revoke", "--made-by", "mei").exit_code == 0
    left = (await lessor.client.get("/v1/keys")).json()["items"]
    assert [one["prefix"] for one in left if one["revoked_at"] is None] == [lessor.key.split("_")[1]]
    assert run_command("keys", "revoke").exit_code == 2
    assert run_command("keys", "revoke", made[0]["prefix"], "--made-by", "mei").exit_code == 2


async def test_a_courts_key_is_rotated_here(principals: Principals, run_command: Command) -> None:
    court = await principals.court()
    rotated = run_command("keys", "rotate", court.key.split("_")[1])
    assert (rotated.exit_code, rotated.stdout[:3]) == (0, "lt_"), rotated.output


@pytest.mark.parametrize("login", ["", "  ", "a\tb", "a\nb", "x\x1b[2J", "L" * 101])
async def test_a_login_that_nobody_could_send_is_not_made(people: People, run_command: Command, login: str) -> None:
    refused = run_command("users", "create", login, "--role", "dispatcher")
    assert refused.exit_code == 2, refused.output
    named = run_command("users", "create", "somebody", "--role", "dispatcher", "--name", login * 2)
    assert named.exit_code == (0 if not login else 2), named.output
    assert await people.scalar("SELECT count(*) FROM account") == (0 if login else 1)


async def test_no_key_is_made_for_more_than_a_hundred_years(people: People, run_command: Command) -> None:
    for days in ("36501", "99999999999"):
        assert run_command("keys", "create", "auditor", "--days", days).exit_code == 2
    assert run_command("keys", "create", "auditor", "--days", "36500").exit_code == 0
    assert run_command("keys", "list").exit_code == 0
    assert await people.scalar("SELECT count(*) FROM api_key") == 1


@pytest.mark.parametrize(("text", "seconds"), [("7d", 604_800), ("12h", 43_200), ("30min", 1_800), ("0s", 0)])
def test_durations(text: str, seconds: int) -> None:
    assert duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "7 d", "1.5h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="expected a duration"):
        duration(text)

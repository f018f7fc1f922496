"""What nobody may write, whatever the application checks before: rows of another lessor, of another court."""

from collections.abc import Mapping
from typing import Any, Final

import psycopg
import pytest

from app.access.domain import Role
from app.core.db.database import RowSecurity
from tests.factories.constants import NOW
from tests.factories.scenario import Scenario, application_connection, owner_connection

REFUSED: Final[Mapping[str, tuple[str, str]]] = {
    "lessor: another's asset for its own case": (
        "lessor",
        (
            "INSERT INTO case_asset (case_id, asset_id, offered_at, offered_by)"
            " VALUES (%(case)s, %(their_asset)s, now(), %(by)s)"
        ),
    ),
    "lessor: its own asset, confirmed": (
        "lessor",
        "INSERT INTO case_asset VALUES (%(case)s, %(fresh_asset)s, now(), %(by)s, now(), %(by)s, 'vin')",
    ),
    "lessor: a transfer of another's asset": (
        "lessor",
        "INSERT INTO asset_transfer VALUES (%(their_asset)s, %(lessor)s, 'x', 'g', now(), now(), %(by)s)",
    ),
    "lessor: its own source, another's feed": ("lessor", "UPDATE aemp_source SET feed_id = %(their_feed)s"),
    "court: a hold of an asset of another case": (
        "court",
        (
            "INSERT INTO legal_hold (asset_id, case_id, reason, from_at, placed_by)"
            " VALUES (%(their_asset)s, %(case)s, 'x', now(), %(by)s)"
        ),
    ),
    "court: its hold moved to another asset": ("court", "UPDATE legal_hold SET asset_id = %(their_asset)s"),
    "court: a measure on an asset of another case": (
        "court",
        (
            "INSERT INTO seizure_measure (case_id, asset_id, kind, rank, starts_on, ends_on, created_at, created_by)"
            " VALUES (%(case)s, %(their_asset)s, 'seizure', 1, '2026-01-01', '2026-12-01', now(), %(by)s)"
        ),
    ),
    "court: another applicant": ("court", "UPDATE enforcement_case SET applicant_lessor_id = %(their_lessor)s"),
    "court: another number": ("court", "UPDATE enforcement_case SET case_number = 'x' || case_id"),
    "court: another court": ("court", "UPDATE enforcement_case SET court_id = court_id"),
}


def sights(scenario: Scenario) -> Mapping[str, RowSecurity]:
    lessor, officer = scenario.sides["ours"]["lessor_id"], scenario.people["officer"].subject_id
    assert officer is not None
    return {
        "lessor": RowSecurity("leasetrace_lessor", (lessor,), at=NOW),
        "court": RowSecurity("leasetrace_grantee", grantee_kind="court", grantee_id=officer, at=NOW),
    }


def ids(scenario: Scenario) -> dict[str, Any]:
    ours, theirs = scenario.sides["ours"], scenario.sides["theirs"]
    with owner_connection(scenario) as connection:
        fresh = connection.execute(
            "SELECT asset_id FROM asset a WHERE lessor_id = %s"
            " AND NOT EXISTS (SELECT FROM case_asset c WHERE c.asset_id = a.asset_id AND c.case_id = %s)",
            (ours["lessor_id"], ours["case_id"]),
        ).fetchone()
        feed = connection.execute("SELECT feed_id FROM feed WHERE lessor_id = %s", (theirs["lessor_id"],)).fetchone()
    assert fresh is not None
    assert feed is not None
    return {
        "case": ours["case_id"],
        "lessor": ours["lessor_id"],
        "their_lessor": theirs["lessor_id"],
        "their_asset": theirs["asset_id"],
        "fresh_asset": fresh["asset_id"],
        "their_feed": feed["feed_id"],
        "by": scenario.people[Role.CREW].principal_id,
    }


@pytest.mark.parametrize("what", REFUSED)
def test_the_database_refuses(scenario: Scenario, what: str) -> None:
    who, statement = REFUSED[what]
    with (
        application_connection(scenario, sights(scenario)[who]) as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ForeignKeyViolation)),
    ):
        connection.execute(statement, ids(scenario))


def test_the_own_is_written_and_locked(scenario: Scenario) -> None:
    """The other half: the same statements about one's own are not refused."""
    told = ids(scenario) | {"asset": scenario.sides["ours"]["asset_id"]}
    with application_connection(scenario, sights(scenario)["lessor"]) as connection:
        connection.execute(
            "INSERT INTO case_asset (case_id, asset_id, offered_at, offered_by)"
            " VALUES (%(case)s, %(fresh_asset)s, now(), %(by)s)",
            told,
        )
        connection.execute(
            "INSERT INTO asset_transfer VALUES (%(fresh_asset)s, %(lessor)s, 'x', 'g', now(), now(), %(by)s)", told
        )
    with application_connection(scenario, sights(scenario)["court"]) as connection:
        connection.execute(
            "INSERT INTO legal_hold (asset_id, case_id, reason, from_at, placed_by)"
            " VALUES (%(asset)s, %(case)s, 'x', now(), %(by)s)",
            told,
        )
        locked = connection.execute("SELECT * FROM enforcement_case FOR UPDATE").fetchall()
        changed = connection.execute("UPDATE enforcement_case SET judgment_debtor = 'y'")
        assert len(locked) == changed.rowcount > 0

"""Cost of row-level security: the same load with the policies on and off, in turns."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import fmean
from typing import Any

import psycopg
from psycopg import sql

_PROTECTED = """
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity ORDER BY 1"""


@contextmanager
def without_row_security(owner_url: str) -> Iterator[None]:
    """Turn the policies of all tables off while the block lasts; grants stay.

    Each table is changed in a transaction of its own. The change waits for the table's exclusive lock. One
    transaction for all tables would deadlock with the service's worker, which locks them in another order.

    Args:
        owner_url: The database of a benchmark, as its owner. Never use one with real data.
    """
    with psycopg.connect(owner_url, autocommit=True) as connection:
        names = [row[0] for row in connection.execute(_PROTECTED)]

        def turn(action: str) -> None:
            for name in names:
                statement = sql.SQL("ALTER TABLE {} {} ROW LEVEL SECURITY")
                connection.execute(statement.format(sql.Identifier(name), sql.SQL(action)))

        turn("DISABLE")
        try:
            yield
        finally:
            turn("ENABLE")


def side_by_side(
    owner_url: str, measure: Callable[[], float], *, rounds: int, more_is_better: bool
) -> dict[str, Any]:
    """Measure the same with and without policies, in turns.

    Args:
        owner_url: The database, as its owner.
        measure: Returns one number: a rate, or a time.
        rounds: Number of measurements of each kind.
        more_is_better: Whether the number is a rate.

    Returns:
        The means as ``on`` and ``off``, and ``cost_pct``: the extra time of a unit of work with policies, percent.
    """
    on, off = [], []
    for _ in range(rounds):
        on.append(measure())
        with without_row_security(owner_url):
            off.append(measure())
    longer = fmean(off) / fmean(on) if more_is_better else fmean(on) / fmean(off)
    return {"on": round(fmean(on), 1), "off": round(fmean(off), 1), "cost_pct": round((longer - 1) * 100, 1)}

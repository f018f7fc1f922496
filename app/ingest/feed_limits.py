"""The rules of each feed: its declared datum, its rate limits and its HMAC secret."""

import math
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from app.access.domain import Principal
from app.core.context import Context
from app.core.db.database import SERVICE
from app.core.errors import TooManyRequests
from app.core.geo.datum import CoordSystem
from app.core.limits.token_bucket import Bucket
from app.core.ttl_cache import TtlCache
from app.telemetry.feeds.service import feed_by_id, hmac_secret_of

REMEMBERED_S: Final = 0.5  # how long rules are cached: a changed feed takes effect in every process after this


@dataclass(frozen=True, slots=True)
class FeedRules:
    """The rules of a feed, limits per process; ``coord_system`` and ``hmac_secret`` are None where it has none."""

    coord_system: CoordSystem | None  # the datum of rows that name none; None where the feed declares none
    rows_per_s: int
    requests_per_s: int
    hmac_secret: str | None = field(default=None, repr=False)


class FeedLimits:
    """The rules and token buckets of all senders of one process."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: TtlCache[int, FeedRules] = TtlCache(REMEMBERED_S)
        settings = context.settings
        self._without_feed = FeedRules(None, settings.feeds.rows_per_s, settings.feeds.requests_per_s)
        self._requests: defaultdict[int, Bucket] = defaultdict(Bucket)
        self._rows: defaultdict[int, Bucket] = defaultdict(Bucket)

    async def rules_of(self, principal: Principal) -> FeedRules:
        """Return the rules of a key's feed; a key without a feed has the limits of the settings."""
        return self._without_feed if principal.feed_id is None else await self.rules_of_feed(principal.feed_id)

    async def rules_of_feed(self, feed_id: int) -> FeedRules:
        """Return the rules of a feed."""
        return await self._known.of(feed_id, lambda: self._read(feed_id))

    def count_request(self, principal: Principal, rules: FeedRules) -> None:
        """Count a request before its body is read; raises ``TooManyRequests``."""
        self._count(self._requests, principal, 1, rules.requests_per_s, "requests")

    def count_rows(self, principal: Principal, rules: FeedRules, rows: int) -> None:
        """Count the rows of a batch before it is stored; raises ``TooManyRequests``, then nothing is stored."""
        self._count(self._rows, principal, rows, rules.rows_per_s, "rows")

    @staticmethod
    def _count(buckets: defaultdict[int, Bucket], principal: Principal, n: int, per_s: int, what: str) -> None:
        sender = principal.feed_id or -(principal.api_key_id or 0)
        if not sender:
            return  # the command line has no limit
        wait_s = buckets[sender].take(n, per_s, time.monotonic())
        if wait_s:
            raise TooManyRequests(
                f"More than {per_s:,} {what} a second are not taken from one sender; send the same again later.",
                retry_after_s=math.ceil(wait_s),
            )

    async def _read(self, feed_id: int) -> FeedRules:
        settings = self._context.settings
        async with self._context.database.reading(SERVICE) as session:
            feed = await feed_by_id(session, feed_id)
        if feed is None:  # keys are made for feeds that exist, and feeds are not deleted
            return self._without_feed
        return FeedRules(
            coord_system=CoordSystem(feed.coord_system) if feed.coord_system else None,
            rows_per_s=feed.rows_per_s or settings.feeds.rows_per_s,
            requests_per_s=feed.requests_per_s or settings.feeds.requests_per_s,
            hmac_secret=hmac_secret_of(feed, settings),
        )

import time, cProfile, pstats, asyncio
from datetime import timedelta
import numpy as np
from sqlalchemy import text, event
from tests.integration.clusters.conftest import *
from app.core.geodesy import destination


async def test_perf(fleet, application):
    for part in range(7):
        n = 100 if part < 6 else 71
        ids = await fleet.add(n)
        rng = np.random.default_rng(part)
        centre = [CHANGNING, JIADING, KUNSHAN, (113.75, 23.02), (104.06, 30.67), (116.4, 39.9), (108.9, 34.3)][part]
        lon, lat = destination(*centre, rng.uniform(0, 360, n), rng.uniform(0, 20000 if part % 2 else 1500, n))
        rows = [
            {
                "device_id": f"device-{i}",
                "fixed_at": (NOW - timedelta(hours=1)).isoformat(),
                "lon": float(a),
                "lat": float(b),
                "coord_system": "wgs84",
            }
            for i, a, b in zip(ids, lon, lat)
        ]
        r = (await fleet.lessor.post("/v1/pings", json=rows)).json()
        assert r["rejected"] == 0

    async def timed(name, f, reps=30):
        ts = []
        c = time.process_time()
        for _ in range(reps):
            t = time.perf_counter()
            await f()
            ts.append(time.perf_counter() - t)
        print(f"\n cpu {(time.process_time() - c) / reps * 1e3:.1f} ms", end="")
        ts.sort()
        print(f"\n{name}: p50 {ts[len(ts) // 2] * 1e3:.1f} ms, p95 {ts[int(len(ts) * 0.95)] * 1e3:.1f} ms")

    async def dist():
        await fleet.distribution()

    async def past():
        await fleet.distribution(as_of=(NOW - timedelta(minutes=1)).isoformat())

    async def xlsx():
        await fleet.ask_distribution(fleet.court, format="xlsx")

    async def clus():
        await fleet.clusters()

    async def loc():
        await fleet.court.get("/livez")

    await timed("livez", loc)
    await timed("distribution", dist)
    await timed("past", past)
    await timed("xlsx", xlsx)
    await timed("clusters", clus)
    # statement timing
    eng = application.state.context.database.engine.sync_engine
    log = []

    def b(conn, cur, st, pa, ctx, many):
        ctx._t = time.perf_counter()

    def a(conn, cur, st, pa, ctx, many):
        log.append((time.perf_counter() - ctx._t, " ".join(st.split())[:110]))

    event.listen(eng, "before_cursor_execute", b)
    event.listen(eng, "after_cursor_execute", a)
    await dist()
    print()
    [print(f"{t * 1e3:.2f}", s) for t, s in log]
    print(sum(t for t, _ in log) * 1e3)
    event.remove(eng, "before_cursor_execute", b)
    event.remove(eng, "after_cursor_execute", a)
    pr = cProfile.Profile()
    pr.enable()
    for _ in range(20):
        await dist()
    pr.disable()
    pstats.Stats(pr).sort_stats("tottime").print_stats(40)
    await fleet.matter.session.rollback()
    rows = (
        (
            await fleet.matter.session.execute(
                text(
                    "EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM case_asset_position WHERE case_id=:c ORDER BY asset_id"
                ),
                {"c": fleet.matter.case_id},
            )
        )
        .scalars()
        .all()
    )
    print("\n".join(rows[:3]))
    await fleet.matter.session.rollback()

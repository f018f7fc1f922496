"""Prints the answer: per province and court, the main location, clusters, comparison with the ground truth."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from app.demo.answer import Answer, Misplaced, data_as_of, largest_clusters, place_of
from app.demo.formatting import age, moment, money, several
from app.demo.posting import Receipts
from app.demo.truth import GroundTruth

_OWN_LINE: Final = 4
"""Least number of assets for a court's own line; smaller courts of a province share one."""

_LISTED_MISPLACED: Final = 10


def print_answer(console: Console, answer: Answer, truth: GroundTruth) -> None:
    """Print the whole answer and its comparison with the truth."""
    _heading(console, answer)
    console.print(_by_court(answer))
    _main_location(console, answer)
    console.print(_clusters(answer))
    _check(console, answer, truth)


def print_receipts(console: Console, receipts: Receipts, truth: GroundTruth) -> None:
    """Print the sum of the receipts beside the numbers of generated rows."""
    rate = receipts.received / max(receipts.seconds, 1e-9)
    console.print(
        f"{receipts.received:,} pings in {receipts.batches:,} batches, {receipts.seconds:.0f} s ({rate:,.0f}/s): "
        f"{receipts.stored:,} stored ({receipts.doubted:,} with a doubt), {receipts.duplicates:,} duplicates, "
        f"{receipts.rejected:,} rejected",
        highlight=False,
    )
    rows = truth.rows
    console.print(
        f"  put in on purpose: {rows['duplicate']:,} duplicates, {rows['zero_fix']:,} zero fixes, "
        f"{rows['future_clock']:,} from future clocks, {rows['network_fix']:,} network fixes, "
        f"{rows['backfill']:,} sent late, {rows['gcj02']:,} in GCJ-02, "
        f"{rows['unknown_device']:,} of an unregistered terminal"
    )


def _heading(console: Console, answer: Answer) -> None:
    distribution = answer.distribution
    computed_at = datetime.fromisoformat(distribution["computed_at"])
    console.print()
    console.print(f"[bold]Where the assets of {distribution['case']['case_number']} are[/bold]", highlight=False)
    as_of = data_as_of(answer)
    if as_of is not None:
        console.print(f"as of {moment(computed_at)} (Shanghai), newest data {age(computed_at - as_of)} old")


def _by_court(answer: Answer) -> Table:
    table = Table(title="By province and court", title_justify="left")
    table.add_column("province")
    table.add_column("court")
    table.add_column("code")
    for name in ("assets", "fresh", "stale", "value"):
        table.add_column(name, justify="right", no_wrap=True)
    by_province = itemgetter("province_name")
    rows = [row | {"province_name": row["province"]["name"]} for row in answer.distribution["rows"]]
    groups = [(name, list(group)) for name, group in groupby(sorted(rows, key=by_province), by_province)]
    for name, group in sorted(groups, key=lambda g: -sum(row["n_assets"] for row in g[1])):
        large = [row for row in group if row["n_assets"] >= _OWN_LINE]
        small = [row for row in group if row["n_assets"] < _OWN_LINE]
        table.add_row(name, f"{len(group)} courts" if len(group) > 1 else "1 court", "", *_sums(group), style="bold")
        for row in large:
            court = row["court"]
            where = court["name"] if court else f"{row['division']['name']}: {row['no_court_reason']}"
            table.add_row("", where, court["code"] if court else "", *_sums([row]))
        if small and len(group) > 1:
            table.add_row("", f"{several(len(small), 'court')} with fewer than {_OWN_LINE} assets", "", *_sums(small))
    _add_totals(table, answer)
    return table


def _add_totals(table: Table, answer: Answer) -> None:
    totals = answer.totals
    table.add_section()
    table.add_row("located", "", "", *_sums(answer.distribution["rows"]), style="bold")
    for unplaced in answer.distribution["unplaced"]:
        words = {"outside": "outside every territory", "never_located": "never located", "withheld": "withheld"}
        if unplaced["presence"] == "withheld" and not unplaced["n_assets"]:
            continue
        table.add_row(
            words[unplaced["presence"]], "", "", f"{unplaced['n_assets']:,}", "", "", money(unplaced["value_yuan"])
        )
    table.add_section()
    table.add_row(
        "total", "", "", f"{totals['assets']:,}", f"{totals['fresh']:,}", f"{totals['stale']:,}",
        money(totals["value_yuan"]), style="bold",
    )  # fmt: skip


def _sums(rows: Iterable[dict[str, Any]]) -> Sequence[str]:
    rows = list(rows)
    counts = [f"{sum(row[name] for row in rows):,}" for name in ("n_assets", "n_fresh", "n_stale")]
    return (*counts, money(sum(row["value_yuan"] for row in rows)))


def _main_location(console: Console, answer: Answer) -> None:
    for words, key in (("count", "by_count"), ("value", "by_value")):
        main = answer.distribution["main_court"][key]
        if main is not None:
            where = main["court"] or main["division"]
            console.print(
                f"Main location by {words}: [bold]{where['name']}[/bold], {several(main['n_assets'], 'asset')}, "
                f"{money(main['value_yuan'])} ({main['share']:.1%} of what is located)",
                highlight=False,
            )
    totals = answer.totals
    console.print(
        f"To be seized: {totals['seizable']:,} seizable, {totals['not_seizable']:,} not, {totals['held']:,} held "
        f"already; {totals['near_border']:,} are near a county border",
        highlight=False,
    )
    for reason in answer.distribution["reasons"]:
        console.print(f"  {reason['n_mainly']:,} {reason['state']}: {reason['code']}", highlight=False)
    console.print()


def _clusters(answer: Answer) -> Table:
    clusters = answer.clusters
    shown = largest_clusters(answer)
    table = Table(
        title=f"{len(shown)} of {len(clusters['features'])} clusters: the largest, and those that cross a border "
        f"(500 m, 5 assets; {clusters['clustered']} of {clusters['considered']} located assets)",
        title_justify="left",
    )
    table.add_column("place")
    table.add_column("court")
    table.add_column("members", justify="right")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("kinds")
    for feature in shown:
        properties = feature["properties"]
        lon, lat = properties["centroid"]
        court = properties["court"]
        kinds = sorted(properties["kinds"].items(), key=lambda kind: -kind[1])
        table.add_row(
            f"{place_of(properties)}\n{lon:.4f}, {lat:.4f}",
            (court["name"] if court else "no court known")
            + ("\n(goes on across the border)" * bool(properties["touches"])),
            str(properties["n"]),
            money(properties["value_yuan"]),
            ", ".join(f"{many} {name.replace('_', ' ')}" for name, many in kinds),
        )
    return table


def _check(console: Console, answer: Answer, truth: GroundTruth) -> None:
    totals = answer.totals
    located = totals["located"]
    console.print()
    console.print("[bold]Against the ground truth[/bold] (kept by the generator, never seen by the service)")
    console.print(
        f"  {answer.in_true_court} of {located} located assets are in the true court "
        f"({answer.in_true_court / max(located, 1):.2%})",
        style="green" if answer.passes() else "red",
        highlight=False,
    )
    for misplaced in answer.misplaced[:_LISTED_MISPLACED]:
        console.print(f"    {_misplaced(misplaced)}", highlight=False)
    truly = ", ".join(
        f"{truth.count(s)} {s.replace('_', ' ')}" for s in ("fresh", "stale", "outside", "never_located")
    )
    differing = len(answer.wrong_state)
    console.print(f"  truly {truly}; {several(differing, 'asset')} answered otherwise", highlight=False)
    for reference, true_state, answered in answer.wrong_state[:_LISTED_MISPLACED]:
        console.print(f"    {reference}: truly {true_state}, answered {answered}", highlight=False)
    sums = "add up" if answer.adds_up() else "DO NOT add up"
    console.print(
        f"  {totals['fresh']} fresh + {totals['stale']} stale + {totals['outside']} outside + "
        f"{totals['never_located']} never located = {totals['assets']}: the totals {sums} to {answer.expected}",
        highlight=False,
    )


def _misplaced(found: Misplaced) -> str:
    truth = found.truth
    where = "outside" if truth.border_m is None else f"{truth.court_code}, {truth.border_m:,.0f} m from the border"
    accuracy = "" if found.accuracy_m is None else f" accurate to {found.accuracy_m:,.0f} m"
    return f"{truth.reference}: truly {where}; answered {found.court} from a {found.source} fix{accuracy}"

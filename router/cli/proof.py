"""`verify`: a plan's integers and its bounds, recomputed from the plan and its snapshot alone."""

from __future__ import annotations

from pathlib import Path

import click

from router.certificate import Verification, verify
from router.cli.console import leave, print_json, print_table, say
from router.cli.settings import FILE, json_option
from router.documents.outputs import Check
from router.documents.plan_file import load_plan
from router.documents.plan_models import ExclusionEntry
from router.documents.snapshot_file import load_snapshot_file, snapshot_hash
from router.documents.verification import VerificationFile
from router.errors import GuardRefused
from router.plan import Plan
from router.snapshot import Snapshot

MOST_SHOWN = 20
"""Rows of directions left out; --json has all of them."""


@click.command("verify")
@click.argument("plan_file", metavar="PLAN", type=FILE)
@click.option("--snapshot", type=FILE, required=True, help="The snapshot that the plan was made from.")
@json_option
def verify_command(plan_file: Path, snapshot: Path, as_json: bool) -> None:
    """Replay PLAN's integers, and recompute its bounds from its dual prices; no node is needed.

    Exit code 4 where a check fails.
    """
    plan, _ = load_plan(plan_file)
    market = load_snapshot_file(snapshot).snapshot
    report = _report(plan, verify(plan, market, snapshot_hash(market)))
    if as_json:
        print_json(report.to_json())
    else:
        _show(report, market)
    failed = [check.name for check in report.checks if not check.ok]
    if failed:
        leave(GuardRefused(f"the certificate does not hold: {', '.join(failed)}"))


def _report(plan: Plan, found: Verification) -> VerificationFile:
    return VerificationFile.of(
        chain_id=plan.chain_id,
        block_number=plan.block_number,
        holds=found.holds,
        value=found.value,
        upper_bound=found.upper_bound,
        net_value=found.net_value,
        net_bound=found.net_bound,
        gap_bps=found.gap_bps,
        arbitrage=found.arbitrage,
        pools=found.pools,
        pools_left_out=found.left_out,
        excluded=found.excluded,
        exclusions=tuple(
            ExclusionEntry.of(
                pool=each.pool, token_in=each.token_in, token_out=each.token_out, reason=each.reason
            )
            for each in plan.excluded
        ),
        checks=tuple(Check.of(name=each.name, ok=each.ok, found=each.found) for each in found.findings),
    )


def _show(report: VerificationFile, market: Snapshot) -> None:
    print_table(
        "Verification",
        ["check", "", "found"],
        [(check.name, "ok" if check.ok else "FAILED", check.found) for check in report.checks],
        left=["", "found"],
    )
    print_table(
        "Bound",
        ["", "numeraire", "gap bp"],
        [
            ("value reached", f"{report.value:,.6f}", ""),
            ("most, gas left out", f"{report.upper_bound:,.6f}", ""),
            ("value reached, net of gas", f"{report.net_value:,.6f}", ""),
            ("most net of gas", f"{report.net_bound:,.6f}", f"{report.gap_bps:.4f}"),
            ("arbitrage with the target held, at most", f"{report.arbitrage:,.6f}", ""),
        ],
    )
    if report.exclusions:
        _show_exclusions(report, market)
    say(f"over {report.pools} pools; {report.pools_left_out} of the snapshot's are left out")
    say("the certificate holds" if report.holds else "[bold red]the certificate does not hold[/]")


def _show_exclusions(report: VerificationFile, market: Snapshot) -> None:
    def name(token: str) -> str:
        known = market.tokens.get(token)
        return known.symbol if known else token

    print_table(
        "Directions that plan and bounds leave out",
        ["pool", "in", "out", "reason"],
        [
            (each.pool, name(each.token_in), name(each.token_out), each.reason)
            for each in report.exclusions[:MOST_SHOWN]
        ],
        left=["in", "out", "reason"],
    )
    if report.excluded > MOST_SHOWN:
        say(f"and {report.excluded - MOST_SHOWN} more, all of them in --json")

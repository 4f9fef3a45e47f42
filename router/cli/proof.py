"""`verify`: a plan's integers and its bound, recomputed from the plan and its snapshot alone."""

from __future__ import annotations

from pathlib import Path

import click

from router.certificate import Verification, verify
from router.cli.console import leave, print_json, print_table, say
from router.cli.settings import FILE, json_option
from router.documents.outputs import Check
from router.documents.plan_file import load_plan
from router.documents.snapshot_file import load_snapshot_file, snapshot_hash
from router.documents.verification import VerificationFile
from router.errors import GuardRefused
from router.fixed_point import BPS
from router.plan import Plan


@click.command("verify")
@click.argument("plan_file", metavar="PLAN", type=FILE)
@click.option("--snapshot", type=FILE, required=True, help="The snapshot that the plan was made from.")
@json_option
def verify_command(plan_file: Path, snapshot: Path, as_json: bool) -> None:
    """Replay PLAN's integers, and recompute its bound from its dual prices; no node is needed.

    Exit code 4 where a check fails.
    """
    plan, _ = load_plan(plan_file)
    market = load_snapshot_file(snapshot).snapshot
    report = _report(plan, verify(plan, market, snapshot_hash(market)))
    if as_json:
        print_json(report.to_json())
    else:
        _show(report)
    failed = [check.name for check in report.checks if not check.ok]
    if failed:
        leave(GuardRefused(f"the certificate does not hold: {', '.join(failed)}"))


def _report(plan: Plan, found: Verification) -> VerificationFile:
    bounds = found.bounds
    return VerificationFile.of(
        chain_id=plan.chain_id,
        block_number=plan.block_number,
        holds=found.holds,
        value=found.value,
        upper_bound=bounds.within_tolerance,
        gap_bps=(bounds.within_tolerance / found.value - 1) * BPS,
        same_weights_bound=bounds.same_weights,
        same_weights_gap_bps=(bounds.same_weights / found.value - 1) * BPS,
        pool_arbitrage=bounds.arbitrage,
        pools=bounds.pools,
        pools_left_out=bounds.left_out,
        checks=tuple(Check.of(name=each.name, ok=each.ok, found=each.found) for each in found.findings),
    )


def _show(report: VerificationFile) -> None:
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
            (
                "most at the same weights",
                f"{report.same_weights_bound:,.6f}",
                f"{report.same_weights_gap_bps:.4f}",
            ),
            ("most within tolerance", f"{report.upper_bound:,.6f}", f"{report.gap_bps:.4f}"),
        ],
    )
    say(f"over {report.pools} pools; {report.pools_left_out} of the snapshot's are left out")
    say("the certificate holds" if report.holds else "[bold red]the certificate does not hold[/]")

"""`plan`, `simulate` and `send`."""

from __future__ import annotations

from pathlib import Path

import click

from router.cli.console import print_json, say
from router.cli.session import open_session
from router.cli.settings import (
    block_option,
    config_option,
    deployment_option,
    json_option,
    load_settings,
    portfolio_option,
    rpc_option,
    snapshot_option,
)
from router.cli.views import show_plan
from router.documents.plan_file import plan_to_json, save_plan
from router.documents.portfolio_file import load_portfolio_file
from router.documents.snapshot_file import load_snapshot_file, save_snapshot
from router.errors import NothingToDo
from router.rebalancer import propose, read_portfolio

OUT = click.Path(dir_okay=False, path_type=Path)


@click.command("plan")
@config_option
@portfolio_option
@snapshot_option
@rpc_option
@deployment_option
@block_option
@click.option("--out", type=OUT, help="Save the plan here, for `simulate` and `send`.")
@click.option("--save-snapshot", "snapshot_out", type=OUT, help="Save what the plan was made from.")
@json_option
def plan_command(
    config: Path | None,
    portfolio: Path | None,
    snapshot: Path | None,
    rpc: str | None,
    deployment: str | None,
    block: int | None,
    out: Path | None,
    snapshot_out: Path | None,
    as_json: bool,
) -> None:
    """Find the cheapest way from the portfolio's holdings to its target weights.

    With --snapshot no node is needed. Exit code 3 where the portfolio is already within tolerance.
    """
    settings = load_settings(config)
    file = load_portfolio_file(settings.required_path(portfolio, "portfolio"))
    if snapshot is not None:
        loaded = load_snapshot_file(snapshot)
        for kind, count in loaded.not_routed.items():
            say(f"note: {count} {kind} pools of {snapshot.name} are not routed")
        market = loaded.snapshot
        resolved = file.resolve(market)
    else:
        with open_session(settings, rpc, deployment) as session:
            market = session.read(block)
            resolved = read_portfolio(session.chain, file, market)
    plan, payload = propose(market, file, resolved)
    if snapshot_out is not None:
        save_snapshot(market, snapshot_out)
    if out is not None:
        save_plan(plan, payload, out)
        say(f"saved {out}")
    if as_json:
        print_json(plan_to_json(plan, payload))
    else:
        show_plan(plan, market.tokens)
    if payload is None:
        raise NothingToDo(plan.reason)

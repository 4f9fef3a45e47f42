"""`pools`, `status` and `doctor`: commands that only look."""

from __future__ import annotations

from pathlib import Path

import click

from router.chain.checkup import check_up
from router.cli.console import leave, print_json, print_table, say
from router.cli.machine_code import machine_code
from router.cli.report import graph_option, write_graph
from router.cli.session import load_market, open_session, read_both
from router.cli.settings import (
    block_option,
    config_option,
    deployment_option,
    journal_option,
    json_option,
    load_settings,
    portfolio_option,
    rpc_option,
    snapshot_option,
    trade_broken_market_option,
)
from router.cli.status_view import show_status
from router.cli.views import money
from router.documents.outputs import DoctorFile, PoolRow, PoolsFile
from router.documents.portfolio_file import load_portfolio_file
from router.documents.snapshot_file import save_snapshot
from router.errors import ChainError
from router.fixed_point import PIPS, PRICE_ONE
from router.pools.base import Pool
from router.pools.depth import depth_within
from router.snapshot import Snapshot

DEPTH_LOSS = 0.01


@click.command("pools")
@snapshot_option
@config_option
@rpc_option
@deployment_option
@block_option
@click.option("--token", "tokens", multiple=True, help="Only pools with this token; may be repeated.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Also save the snapshot here.")
@graph_option
@json_option
def pools_command(
    snapshot: Path | None,
    config: Path | None,
    rpc: str | None,
    deployment: str | None,
    block: int | None,
    tokens: tuple[str, ...],
    out: Path | None,
    graph: Path | None,
    as_json: bool,
) -> None:
    """The pools that the planner sees, deepest first; with --out, the snapshot file to plan from later."""
    market = read_or_load(snapshot, config, rpc, deployment, block)
    if out is not None:
        save_snapshot(market, out)
        say(f"saved {out}")
    wanted = {market.token(name, "--token").address for name in tokens}
    pools = [pool for pool in market.pools if wanted <= set(pool.tokens)]
    rows = sorted((_pool_row(pool, market) for pool in pools), key=lambda row: -(row.depth or 0.0))
    write_graph(pools, {row.address: row.depth for row in rows}, market, graph)
    if as_json:
        print_json(
            PoolsFile.of(
                chain_id=market.chain_id, block_number=market.block_number, pools=tuple(rows)
            ).to_json()
        )
        return
    print_table(
        f"{len(rows)} pools of chain {market.chain_id} at block {market.block_number}",
        ["pool", "kind", "tokens", "fee", "depth at 1 %"],
        [
            (row.address, row.kind, "/".join(row.symbols), f"{row.fee_pips / PIPS:.2%}", _value(row.depth))
            for row in rows
        ],
        left=["kind", "tokens"],
    )


@click.command("status")
@config_option
@rpc_option
@deployment_option
@portfolio_option
@snapshot_option
@block_option
@journal_option
@trade_broken_market_option
@json_option
def status_command(
    config: Path | None,
    rpc: str | None,
    deployment: str | None,
    portfolio: Path | None,
    snapshot: Path | None,
    block: int | None,
    journal: Path | None,
    trade_broken_market: bool,
    as_json: bool,
) -> None:
    """Where the portfolio stands, at one block: drift, bands, trigger, and whether a trade pays.

    With --journal the trigger goes on from its last look: what fired is in flight until `plan --journal` or
    `send --journal` has ended it. A look in a broken market, or at prices that have jumped since the last
    one, is refused with exit code 4 and not written.
    """
    settings = load_settings(config)
    file = load_portfolio_file(settings.required_path(portfolio, "portfolio"))
    market, resolved, now = read_both(
        settings,
        file,
        snapshot=snapshot,
        rpc=rpc,
        deployment=deployment,
        block=block,
        trade_broken_market=trade_broken_market,
    )
    from router.strategy.trade_program import can_weigh

    discipline = file.discipline(market, now)
    if discipline is not None and not can_weigh():
        say("note: whether a trade pays is not told: pip install 'atomic-rebalance[strategy]'", markup=False)
    from router.status import look, status_file  # with the planner's numerics, which take long to load

    with machine_code():
        standing = look(
            market,
            resolved,
            file.triggers(market),
            discipline=discipline,
            now=now,
            journal=journal,
            trade_broken_market=trade_broken_market,
        )
        status = status_file(standing)
    if as_json:
        print_json(status.to_json())
    else:
        show_status(status, standing.judgement, market)


@click.command("doctor")
@config_option
@rpc_option
@deployment_option
@portfolio_option
@json_option
def doctor_command(
    config: Path | None, rpc: str | None, deployment: str | None, portfolio: Path | None, as_json: bool
) -> None:
    """Check node, deployment, executor, feeds, balances, allowances and tools."""
    settings = load_settings(config)
    path = settings.path(portfolio, "portfolio")
    checks = check_up(
        settings.rpc(rpc),
        settings.deployment(deployment),
        load_portfolio_file(path) if path else None,
        settings.path(None, "keystore"),
    )
    ok = all(check.ok for check in checks)
    if as_json:
        print_json(DoctorFile.of(ok=ok, checks=checks).to_json())
    else:
        print_table(
            "Doctor",
            ["check", "", "found"],
            [(check.name, "ok" if check.ok else "FAIL", check.found) for check in checks],
            left=["found", ""],
        )
    if not ok:
        leave(ChainError(f"{sum(not check.ok for check in checks)} of {len(checks)} checks failed"))


def read_or_load(
    snapshot: Path | None, config: Path | None, rpc: str | None, deployment: str | None, block: int | None
) -> Snapshot:
    """A snapshot from its file, or read from a node; says what a file held that is not routed."""
    if snapshot is None:
        with open_session(load_settings(config), rpc, deployment) as session:
            return session.read(block)
    return load_market(snapshot)


def _pool_row(pool: Pool, market: Snapshot) -> PoolRow:
    return PoolRow.of(
        kind=pool.kind,
        address=pool.address,
        tokens=pool.tokens,
        symbols=tuple(market.tokens[token].symbol for token in pool.tokens),
        fee_pips=pool.fee_pips,
        depth=_depth(pool, market),
    )


def _depth(pool: Pool, market: Snapshot) -> float | None:
    """Numeraire value of the first token that the pool takes within DEPTH_LOSS of its price."""
    token_in, token_out = pool.tokens[:2]
    if token_in not in market.prices:
        return None
    raw = depth_within(pool, token_in, token_out, DEPTH_LOSS)
    return raw * market.price_e36(token_in) / PRICE_ONE


def _value(value: float | None) -> str:
    return "" if value is None else money(value)

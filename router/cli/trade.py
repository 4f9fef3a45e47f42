"""`plan`, `simulate` and `send`: from a portfolio to a verified transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from router.chain.broadcast import Sending
from router.chain.fees import FeePolicy
from router.chain.outcome import expected_outcome
from router.chain.sender import SendOptions
from router.cli.console import leave, print_json, progress_bar, say
from router.cli.journal import end_flight, ending, failing
from router.cli.machine_code import machine_code
from router.cli.report import report_option, write_report
from router.cli.session import open_session, read_both
from router.cli.settings import (
    block_option,
    config_option,
    deployment_option,
    journal_option,
    json_option,
    load_settings,
    override_options,
    portfolio_option,
    rpc_option,
    snapshot_option,
    trade_broken_market_option,
)
from router.cli.views import show_plan, show_receipt, show_simulation
from router.documents.plan_file import plan_to_json, save_plan
from router.documents.portfolio_file import Overrides, load_portfolio_file
from router.documents.snapshot_file import save_snapshot
from router.errors import InconsistentAnswer, InputError, NothingToDo, RouterError
from router.fixed_point import BPS
from router.rebalancer import (
    choose_signer,
    find_payload,
    load_executable,
    make_plan,
    receipt_report,
    send_plan,
    simulate_plan,
    simulation_report,
)
from router.strategy.journal import Ending
from router.trigger_journal import account_of, read_accepted

OUT = click.Path(dir_okay=False, path_type=Path)


@click.command("plan")
@config_option
@portfolio_option
@snapshot_option
@rpc_option
@deployment_option
@block_option
@override_options
@click.option("--anyway", is_flag=True, help="Go to the target even where that does not pay.")
@journal_option
@trade_broken_market_option
@click.option("--prove", is_flag=True, help="Close the gap that gas leaves, by branch and bound.")
@click.option("--out", type=OUT, help="Save the plan here, for `simulate` and `send`.")
@click.option("--save-snapshot", "snapshot_out", type=OUT, help="Save what the plan was made from.")
@report_option
@json_option
def plan_command(
    config: Path | None,
    portfolio: Path | None,
    snapshot: Path | None,
    rpc: str | None,
    deployment: str | None,
    block: int | None,
    overrides: Overrides,
    anyway: bool,
    journal: Path | None,
    trade_broken_market: bool,
    prove: bool,
    out: Path | None,
    snapshot_out: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Find the cheapest way from the portfolio's holdings to its target weights.

    Where the file has a `discipline`, the plan lands where the next unit would not pay, which may be short of
    the target. With --snapshot no node is needed. With --journal no price may have jumped since its last
    look, and what the trigger fired ends there if no plan comes of it. Exit code 3 where nothing is to be
    done, 4 where the market is not fit for the trade.
    """
    settings = load_settings(config)
    path = settings.required_path(portfolio, "portfolio")
    file = load_portfolio_file(path).overridden(overrides)
    with failing(journal, datetime.now(UTC) if snapshot is None else None):
        market, resolved, now = read_both(
            settings,
            file,
            snapshot=snapshot,
            rpc=rpc,
            deployment=deployment,
            block=block,
            trade_broken_market=trade_broken_market,
        )
    from router.planner.compose import DEADLINE_SECONDS  # with its numerics, which take long to load
    from router.planner.valuation import Valuation

    last_accepted = None
    if journal is not None:
        account = account_of(market.chain_id, resolved.owner)
        last_accepted = read_accepted(journal, market.numeraire, Valuation(market, resolved).tokens, account)
    with machine_code(), _proving(prove) as proving, failing(journal, now):
        plan = make_plan(
            market,
            resolved,
            balances_are_holdings=file.needs_balances,
            deadline=int(now.timestamp()) + DEADLINE_SECONDS,
            prove=proving,
            discipline=None if anyway else file.discipline(market, now),
            last_accepted=last_accepted,
            trade_broken_market=trade_broken_market,
        )
    payload = find_payload(plan)
    if snapshot_out is not None:
        save_snapshot(market, snapshot_out)
    if out is not None:
        save_plan(plan, payload, out)
        say(f"saved {out}")
    write_report(plan, market, report)
    if as_json:
        print_json(plan_to_json(plan, payload))
    else:
        show_plan(plan, market.tokens)
    if plan.program is None:
        end_flight(journal, Ending.DECLINED, now)
        leave(NothingToDo(plan.reason))
    if payload is None:
        end_flight(journal, Ending.FAILED, now)


@contextmanager
def _proving(asked: bool) -> Iterator[bool | Callable[[int, float, float], None]]:
    """What to prove with: where it is asked for, how far branch and bound is shows on stderr."""
    if not asked:
        yield False
        return
    with progress_bar("planning") as update:

        def tell(nodes: int, best: float, bound: float) -> None:
            update(f"branch and bound, {(bound / best - 1) * BPS:.4f} bp to close", nodes, None)

        yield tell


@click.command("simulate")
@click.argument("plan_file", metavar="PLAN", type=OUT)
@config_option
@rpc_option
@deployment_option
@block_option
@json_option
def simulate_command(
    plan_file: Path,
    config: Path | None,
    rpc: str | None,
    deployment: str | None,
    block: int | None,
    as_json: bool,
) -> None:
    """Run the exact transactions of PLAN in process on one block, and compare them with it.

    Exit code 5 where it reverts, 4 where an amount differs from the plan's.
    """
    plan = load_executable(plan_file)
    with open_session(load_settings(config), rpc, deployment) as session:
        simulation = simulate_plan(session.chain, plan, block)
        tokens = session.chain.deployment.token_by_address
    report = simulation_report(session.chain, plan, simulation)
    if as_json:
        print_json(report.to_json())
    else:
        show_simulation(report, tokens)
    try:
        simulation.require(expected_outcome(plan))
    except RouterError as error:
        leave(error)


@click.command("send")
@click.argument("plan_file", metavar="PLAN", type=OUT)
@config_option
@rpc_option
@deployment_option
@click.option("--keystore", type=OUT, help="Encrypted V3 keystore of the owner.")
@click.option("--password-file", type=OUT, help="Its password; only its owner may read the file.")
@click.option("--signer-url", help="A remote signer (eth_signTransaction) instead of a keystore.")
@click.option("--max-fee-gwei", help="Never pay more per gas.")
@click.option(
    "--within-bounds", is_flag=True, help="Accept what the plan's bounds accept, not only equal amounts."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@journal_option
@json_option
def send_command(
    plan_file: Path,
    config: Path | None,
    rpc: str | None,
    deployment: str | None,
    keystore: Path | None,
    password_file: Path | None,
    signer_url: str | None,
    max_fee_gwei: str | None,
    within_bounds: bool,
    yes: bool,
    journal: Path | None,
    as_json: bool,
) -> None:
    """Simulate PLAN on the latest block, then sign, send and verify it.

    Nothing is sent where the simulation reverts or disagrees with the plan. Running an interrupted send again
    resumes it, and never repeats it. With --journal the trigger learns how it ended.
    """
    if as_json and not yes:
        raise InputError("--json asks nothing, so it needs --yes", path="--yes")
    settings = load_settings(config)
    plan = load_executable(plan_file)
    with open_session(settings, rpc, deployment) as session:
        chain, tokens = session.chain, session.chain.deployment.token_by_address
        signer = choose_signer(
            plan.owner,
            signer_url,
            settings.path(keystore, "keystore"),
            password_file,
            ask=not yes,
        )
        simulation = simulate_plan(chain, plan)
        options = SendOptions(
            state_folder=session.state_folder,
            sending=Sending(fees=FeePolicy(max_fee=settings.max_fee_wei(max_fee_gwei))),
            max_age_blocks=settings.config.max_simulation_age_blocks,
            exact=not within_bounds,
        )
        if not yes:
            show_simulation(simulation_report(chain, plan, simulation), tokens)
            click.confirm(f"Send from {plan.owner} on chain {plan.chain_id}?", abort=True, err=True)
        account = account_of(plan.chain_id, plan.owner)
        with ending(journal, account) as landed:
            sent = send_plan(chain, signer, plan, simulation, options, progress=say)
            landed(sent.execution.tx_hash)
    report = receipt_report(chain, plan, sent)
    if as_json:
        print_json(report.to_json())
    else:
        show_receipt(report, tokens)
    if not sent.verified:
        failed = ", ".join(check.name for check in sent.checks if not check.ok)
        leave(InconsistentAnswer(f"the rebalance landed, and these checks failed: {failed}"))

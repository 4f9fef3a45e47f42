"""The whole job on a local chain: two rebalances that land, and one plan that is refused twice."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from router.certificate import verify
from router.chain.executor import executor_address
from router.chain.fork import Simulation
from router.chain.outcome import expected_outcome
from router.chain.results import revert_entry
from router.chain.revert_reasons import explain
from router.chain.rpc import RpcClient
from router.chain.sender import SendOptions, Sent
from router.chain.signer import KeySigner
from router.cli.console import say
from router.cli.views import amount, show_plan, show_receipt, show_simulation, weights
from router.documents.deployment import parse_deployment
from router.documents.outputs import Check
from router.documents.plan_file import plan_to_json
from router.documents.plan_models import PlanFile
from router.documents.portfolio_file import PortfolioFile, load_portfolio_file
from router.documents.report import RefusalReport, ReportFile, RunReport, ThreeAmounts, ThreeGas, WeightRow
from router.documents.snapshot_file import snapshot_hash
from router.errors import ExecutionReverted, PoolError, RouterError
from router.fixed_point import WAD
from router.localnet import Localnet, start_localnet
from router.plan import Outcome, Plan
from router.pools.depth import depth_within
from router.portfolio import LoanPolicy, Settlement
from router.rebalancer import (
    Chain,
    make_plan,
    read_market,
    read_portfolio,
    receipt_report,
    send_plan,
    simulate_plan,
    simulation_report,
)
from router.snapshot import Snapshot
from router.tokens import Address, Token, parse_amount

DEPOSITS = ({"WETH": "70", "LINK": "14000"}, {"WBTC": "1.5", "USDC": "120000"})
"""Whole tokens that arrive before the second rebalance, and before the plan that is refused."""
ADVERSE_LOSS = 0.05
"""How much worse than the pool's price the stranger's own average is, who trades ahead of the plan."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A local chain, its owner's key, and where this run keeps its files."""

    net: Localnet
    chain: Chain
    signer: KeySigner
    portfolio: PortfolioFile
    folder: Path
    quiet: bool

    @property
    def tokens(self) -> Mapping[Address, Token]:
        return self.chain.deployment.token_by_address

    def options(self, *, force: bool = False) -> SendOptions:
        return SendOptions(state_folder=self.folder, force=force)

    def balances(self) -> dict[Address, int]:
        """Everything that the owner holds."""
        return {token: self.net.balance_of(token, self.signer.address) for token in self.tokens}


def run_demo(*, quiet: bool = False) -> ReportFile:
    """Runs it; `quiet` leaves out the tables."""
    start = time.monotonic()
    with _stage(quiet) as stage:
        _chapter(stage, "1. Drifted portfolio, pull-first, no loan")
        runs = [_rebalance(stage, "pull-first without a loan", Settlement.PULL_FIRST, LoanPolicy.NEVER)]
        _deposit(stage, DEPOSITS[0])
        _chapter(stage, "2. Drifted again, deliver-first: what is sold is borrowed, and pulled at the end")
        runs.append(
            _rebalance(stage, "deliver-first with a flash loan", Settlement.DELIVER_FIRST, LoanPolicy.AUTO)
        )
        _deposit(stage, DEPOSITS[1])
        _chapter(stage, "3. The market moves against a plan before it is sent")
        refusals = _refusals(stage)
        return ReportFile.of(
            chain_id=stage.net.chain_id,
            owner=stage.signer.address,
            executor=executor_address(stage.chain.factory, stage.signer.address),
            numeraire=stage.chain.deployment.numeraire,
            runs=tuple(runs),
            refusals=refusals,
            seconds=time.monotonic() - start,
        )


@contextlib.contextmanager
def _stage(quiet: bool) -> Iterator[Stage]:
    with start_localnet() as net, tempfile.TemporaryDirectory() as folder:
        client = RpcClient(net.rpc_url)
        portfolio = Path(folder) / "portfolio.toml"
        portfolio.write_text(net.portfolio_toml())
        chain = Chain(net.rpc_url, client, parse_deployment(dict(net.deployment)))
        signer = KeySigner.from_key(bytes.fromhex(net.owner.private_key.removeprefix("0x")))
        with contextlib.closing(client):
            yield Stage(net, chain, signer, load_portfolio_file(portfolio), Path(folder), quiet)


def _rebalance(stage: Stage, name: str, settlement: Settlement, loan: LoanPolicy) -> RunReport:
    plan, market = _plan(stage, settlement, loan)
    proof = _proved(plan, market)
    simulation = simulate_plan(stage.chain, plan)
    simulation.require(expected_outcome(plan))
    sent = send_plan(stage.chain, stage.signer, plan, simulation, stage.options())
    if not stage.quiet:
        show_plan(plan, market.tokens)
        show_simulation(simulation_report(stage.chain, plan, simulation), stage.tokens)
        show_receipt(receipt_report(stage.chain, plan, sent), stage.tokens)
    return _run_report(stage, name, loan, plan, sent, proof)


def _proved(plan: Plan, market: Snapshot) -> Check:
    """The plan's certificate, found again from the plan and its snapshot alone.

    Raises:
        RouterError: it does not hold.
    """
    found = verify(plan, market, snapshot_hash(market))
    failed = [f"{each.name}: {each.found}" for each in found.findings if not each.ok]
    if failed:
        raise RouterError(f"the certificate does not hold: {'; '.join(failed)}")
    gap = f"at most {found.gap_bps:.4f} bp below the best trade over {found.pools} pools"
    text = f"{len(found.findings)} checks; {gap}"
    say(f"certificate verified: {text}", markup=False)
    return Check.of(name="certificate", ok=found.holds, found=text)


def _plan(stage: Stage, settlement: Settlement, loan: LoanPolicy) -> tuple[Plan, Snapshot]:
    file = stage.portfolio.settled(settlement, loan)
    market = read_market(stage.chain)
    portfolio = read_portfolio(stage.chain, file, market)
    plan = make_plan(market, portfolio, balances_are_holdings=file.needs_balances)
    if plan.program is None:
        raise RouterError(f"the demonstration's portfolio has not drifted: {plan.reason}")
    return plan, market


def _refusals(stage: Stage) -> tuple[RefusalReport, ...]:
    plan, market = _plan(stage, Settlement.PULL_FIRST, LoanPolicy.NEVER)
    _trade_ahead(stage, plan, market)
    before = stage.balances()
    simulation = simulate_plan(stage.chain, plan)
    return (
        _refused_by_simulation(stage, plan, simulation, before),
        _refused_by_executor(stage, plan, before),
    )


def _refused_by_simulation(
    stage: Stage, plan: Plan, simulation: Simulation, before: Mapping[Address, int]
) -> RefusalReport:
    try:
        send_plan(stage.chain, stage.signer, plan, simulation, stage.options())
    except RouterError as error:
        if not stage.quiet:
            show_simulation(simulation_report(stage.chain, plan, simulation), stage.tokens)
        say(f"send refuses, exit code {error.exit_code}: {error}", markup=False)
        return RefusalReport.of(
            name="the simulation refuses",
            refused_by="simulation",
            exit_code=error.exit_code,
            error=type(error).__name__,
            message=str(error),
            revert=revert_entry(simulation.revert) if simulation.revert else None,
            balances_unchanged=stage.balances() == before,
        )
    raise RouterError("a plan whose market had moved was not refused")


def _refused_by_executor(stage: Stage, plan: Plan, before: Mapping[Address, int]) -> RefusalReport:
    try:
        send_plan(stage.chain, stage.signer, plan, None, stage.options(force=True))
    except ExecutionReverted as error:
        say(f"forced through, the executor reverts: {error}", markup=False)
        unchanged = stage.balances() == before
        say(f"every balance of the owner is unchanged: {unchanged}")
        return RefusalReport.of(
            name="the executor reverts",
            refused_by="executor",
            exit_code=error.exit_code,
            error=type(error).__name__,
            message=str(error),
            revert=revert_entry(explain(error.data)),
            transaction=error.transaction or None,
            balances_unchanged=unchanged,
        )
    raise RouterError("the executor let a plan through whose bounds do not hold")


def _trade_ahead(stage: Stage, plan: Plan, market: Snapshot) -> None:
    """A stranger sells what the plan sells, in the largest of its pools that still pays afterwards."""
    for swap in sorted(plan.swaps, key=lambda swap: -swap.amount_in * market.price_e36(swap.token_in)):
        pool = market.pool_by_address[swap.pool]
        amount_in = depth_within(pool, swap.token_in, swap.token_out, ADVERSE_LOSS)
        _, after = pool.swap(swap.token_in, swap.token_out, amount_in)
        with contextlib.suppress(PoolError):
            after.quote_exact_in(swap.token_in, swap.token_out, swap.amount_in)
            stage.net.trade(swap.pool, swap.token_in, swap.token_out, amount_in)
            token = market.tokens[swap.token_in]
            say(f"a stranger sells {amount(amount_in, token)} {token} in {swap.kind} {swap.pool}")
            return


def _deposit(stage: Stage, whole: Mapping[str, str]) -> None:
    for symbol, text in whole.items():
        token = stage.net.token(symbol)
        raw = parse_amount(text, stage.tokens[token].decimals, symbol)
        stage.net.mint(token, stage.signer.address, raw)
    say("deposit: " + ", ".join(f"{text} {symbol}" for symbol, text in whole.items()))


def _run_report(stage: Stage, name: str, loan: LoanPolicy, plan: Plan, sent: Sent, proof: Check) -> RunReport:
    assert sent.simulation is not None
    simulated = sent.simulation.require_success()
    file = PlanFile.model_validate(plan_to_json(plan, None))
    after = stage.balances()
    return RunReport.of(
        name=name,
        settlement=plan.settlement,
        loan=loan.value,
        block_number=sent.execution.block_number,
        weights=_weight_rows(stage, plan, after),
        amounts=_three_amounts(stage, sent.expected, simulated, sent.outcome),
        gas=ThreeGas.of(
            planned=plan.gas_estimate, simulated=simulated.gas or 0, used=sent.execution.gas_used
        ),
        effective_gas_price_wei=sent.execution.effective_gas_price_wei,
        loans=file.loans,
        cost=file.cost,
        value_before=plan.value_before,
        value_after=plan.value_after,
        net_bound=plan.certificate.net_bound if plan.certificate else None,
        gap_bps=plan.certificate.gap_bps if plan.certificate else None,
        transactions=tuple(receipt.tx_hash for receipt in sent.receipts),
        verification=(proof, *receipt_report(stage.chain, plan, sent).verification),
    )


def _weight_rows(stage: Stage, plan: Plan, after: Mapping[Address, int]) -> tuple[WeightRow, ...]:
    held = {token: after[token] for token in {**plan.holdings_before, **plan.targets_wad}}
    before_weights = weights(plan.holdings_before, plan.prices, stage.tokens)
    after_weights = weights(held, plan.prices, stage.tokens)
    return tuple(
        WeightRow.of(
            token=token,
            symbol=stage.tokens[token].symbol,
            before=before_weights.get(token, 0.0),
            target=plan.targets_wad.get(token, 0) / WAD,
            after=after_weights[token],
        )
        for token in held
    )


def _three_amounts(
    stage: Stage, planned: Outcome, simulated: Outcome, executed: Outcome
) -> tuple[ThreeAmounts, ...]:
    changed = dict.fromkeys((*planned.balance_changes, *simulated.balance_changes, *executed.balance_changes))
    rows = []
    for token in changed:
        three = [each.balance_changes.get(token, 0) for each in (planned, simulated, executed)]
        rows.append(
            ThreeAmounts.of(
                token=token,
                symbol=stage.tokens[token].symbol,
                planned=three[0],
                simulated=three[1],
                executed=three[2],
                equal=len(set(three)) == 1,
            )
        )
    return tuple(rows)


def _chapter(stage: Stage, title: str) -> None:
    if not stage.quiet:
        say(f"\n[bold]{title}[/]")

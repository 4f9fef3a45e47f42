"""The life of one rebalance, as a few functions: read, plan, simulate, send."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from router.chain import sender
from router.chain.calls import to_bytes, to_mapping
from router.chain.deployments import find_deployment
from router.chain.fork import Simulation, simulate
from router.chain.head import BLOCK_SECONDS, read_head
from router.chain.outcome import expected_outcome
from router.chain.reader import read_balances, read_snapshot
from router.chain.results import receipt_file, simulation_file
from router.chain.rpc import RpcClient
from router.chain.sender import SendOptions, Sent
from router.chain.signer import RemoteSigner, Signer, load_keystore, read_password
from router.documents.deployment import Deployment
from router.documents.outputs import ReceiptFile, SimulationFile
from router.documents.plan_file import load_plan
from router.documents.portfolio_file import PortfolioFile
from router.documents.snapshot_file import snapshot_hash
from router.encoder import encode
from router.errors import BrokenMarket, ChainIdMismatch, Infeasible, InputError
from router.fixed_point import BPS
from router.plan import Outcome, Plan, PlannedSwap
from router.portfolio import Portfolio
from router.program import Program
from router.replay import replay
from router.snapshot import Snapshot, price_text_to_e36
from router.strategy.discipline import Discipline
from router.strategy.feeds import OVERRULED, PriceReading, described
from router.tokens import Address
from router.wire import EncodingError

NO_PAYLOAD = "this plan cannot be executed: "
"""How the note begins that names why a plan has no payload."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Chain:
    """A node, and what it is known to carry."""

    url: str
    client: RpcClient
    deployment: Deployment

    @property
    def factory(self) -> Address:
        """The executor factory.

        Raises:
            InputError: the deployment names none.
        """
        if self.deployment.executor_factory is None:
            raise InputError(
                "names no executor factory: deploy one with `brownie run deploy`",
                path=f"{self.deployment.name}: executor_factory",
            )
        return self.deployment.executor_factory

    def close(self) -> None:
        """Ends the connection."""
        self.client.close()


def connect(url: str, deployment: str | Deployment) -> Chain:
    """A node with its deployment: a built-in one's name, a file, or a parsed one. Nothing is asked yet.

    Raises:
        InputError: no such deployment, or a bad file.
    """
    found = find_deployment(deployment) if isinstance(deployment, str) else deployment
    return Chain(url, RpcClient(url), found)


def read_market(
    chain: Chain,
    block: int | None = None,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
    trade_broken_market: bool = False,
) -> Snapshot:
    """Everything that the planner may know, at one block; see `router.chain.reader.read_snapshot`."""
    return read_snapshot(
        chain.client,
        chain.deployment,
        "latest" if block is None else block,
        cache_dir=cache,
        progress=progress,
        trade_broken_market=trade_broken_market,
    )


def read_portfolio(
    chain: Chain, file: PortfolioFile, snapshot: Snapshot, now: datetime | None = None
) -> Portfolio:
    """The portfolio; a file without holdings means the owner's balances of every token that it mentions.

    Args:
        now: when the targets of a rule are computed; None takes the snapshot's own time.
    """
    if not file.needs_balances:
        return file.resolve(snapshot, now=now)
    block = snapshot.block_hash or snapshot.block_number
    balances = read_balances(chain.client, file.owner, file.mentioned(snapshot), block)
    return file.resolve(snapshot, balances, now)


def make_plan(
    snapshot: Snapshot,
    portfolio: Portfolio,
    *,
    balances_are_holdings: bool = False,
    deadline: int | None = None,
    prove: bool | Callable[[int, float, float], None] = False,
    warm_start: Mapping[Address, float] | None = None,
    discipline: Discipline | None = None,
    last_accepted: Mapping[Address, PriceReading] | None = None,
    trade_broken_market: bool = False,
) -> Plan:
    """The rebalance that reaches the target at the least total cost; see `router.planner.plan`.

    A note tells where it has no wire form, as over recorded pools whose ids are not whole; others, what
    targets by a rule and a forecast were computed from.

    With a discipline the plan goes where the one-shot decision lands, which may be short of the target, and
    holds where a trade does not pay, by the decision's estimate or by the plan's own cost.

    Args:
        balances_are_holdings: the holdings are all that the owner has, so the final weights can be bound.
        deadline: last block timestamp of execution; None allows 20 minutes from the snapshot.
        prove: close the gap to the bound net of gas by branch and bound, as far as that is quick; a
            function is called with nodes, net value and bound meanwhile.
        warm_start: dual prices of an earlier plan, to start from.
        discipline: what drift costs the owner; None plans whatever it costs.
        last_accepted: prices of earlier looks, which the guards hold those of the snapshot to.
        trade_broken_market: overrules the portfolio's guards; the notes tell what they would have refused.

    Raises:
        InputError: unknown or unpriced tokens, nothing held, or a settlement that the loan policy forbids.
        Infeasible: no trade reaches the target, or none at a cost that the portfolio allows.
        BrokenMarket: prices that no decision can rest on, or a plan that takes too much of its pools.
    """
    from router import planner  # with its numerics, which take long to load
    from router.advice import advise
    from router.market_guards import check_market, check_trade

    faults = check_market(
        snapshot, portfolio, last_accepted=last_accepted, trade_broken_market=trade_broken_market
    )
    advice = None if discipline is None else advise(snapshot, portfolio, discipline)
    told = portfolio.notes if discipline is None else (*portfolio.notes, *discipline.notes)
    if advice is not None and not advice.decision.trade:
        held = advice.held(advice.judgement, snapshot_hash(snapshot))
        return _noting(held, *told, *_overruled(faults))
    proposed = planner.plan(
        snapshot,
        portfolio if advice is None else advice.portfolio,
        balances_are_holdings=balances_are_holdings,
        deadline=deadline,
        snapshot_hash=snapshot_hash(snapshot),
        prove=prove,
        warm_start=warm_start,
    )
    _require_affordable(proposed, portfolio, snapshot)
    if advice is not None:
        proposed = advice.weighed(proposed)
    faults += check_trade(proposed, snapshot, portfolio.guards, trade_broken_market=trade_broken_market)
    return _noting(_noting_why_no_payload(proposed), *told, *_overruled(faults))


def _overruled(faults: Iterable[BrokenMarket]) -> Iterator[str]:
    return (f"{OVERRULED}{text}" for text in described(faults))


def _noting(proposed: Plan, *notes: str) -> Plan:
    return replace(proposed, notes=(*proposed.notes, *notes)) if notes else proposed


def _noting_why_no_payload(proposed: Plan) -> Plan:
    try:
        if proposed.program is not None:
            encode(proposed.program)
    except EncodingError as error:
        return _noting(proposed, f"{NO_PAYLOAD}{error}")
    return proposed


def _require_affordable(proposed: Plan, portfolio: Portfolio, snapshot: Snapshot) -> None:
    """Pools without depth take any amount and return nearly nothing: such a plan is none."""
    cost_bps = proposed.cost.total / proposed.value_before * BPS
    if not proposed.swaps or cost_bps <= portfolio.max_cost_bps:
        return

    def lost(swap: PlannedSwap) -> int:
        price_in, price_out = (
            price_text_to_e36(proposed.prices.get(token, "0"), snapshot.tokens[token].decimals)
            for token in (swap.token_in, swap.token_out)
        )
        return swap.amount_in * price_in - swap.amount_out * price_out

    worst = max(proposed.swaps, key=lost)
    names = " for ".join(snapshot.tokens[token].symbol for token in (worst.token_in, worst.token_out))
    raise Infeasible(
        f"reaching the target costs {cost_bps:.0f} bp of the portfolio, most of it where {names} is "
        f"swapped in {worst.kind} {worst.pool}; {portfolio.max_cost_bps} bp are allowed",
        path="max_cost_bps",
    )


def replay_plan(proposed: Plan, snapshot: Snapshot) -> Outcome:
    """What a plan does on a snapshot, in exact integers.

    Raises:
        InputError: the plan has nothing to execute.
        ExecutionReverted: with the reason for which the executor would revert.
    """
    return replay(_program(proposed), snapshot, proposed.holdings_before)


def payload_of(proposed: Plan) -> bytes:
    """The bytes for the executor.

    Raises:
        InputError: the plan has nothing to execute, or nothing that has a wire form.
    """
    return encode(_program(proposed))


def find_payload(proposed: Plan) -> bytes | None:
    """The bytes for the executor; None where the plan has nothing to execute, or nothing with a wire form."""
    try:
        return None if proposed.program is None else encode(proposed.program)
    except EncodingError:
        return None


def _program(proposed: Plan) -> Program:
    if proposed.program is None:
        raise InputError(why_not_executable(proposed))
    return proposed.program


def why_not_executable(proposed: Plan) -> str:
    """Why a plan has nothing to execute; a loaded one with swaps had no payload, and its notes say why."""
    noted = (note for note in proposed.notes if note.startswith(NO_PAYLOAD))
    if proposed.swaps:
        return next(noted, f"{NO_PAYLOAD}its file has no payload")
    return f"this plan has nothing to execute: {proposed.reason}"


def transaction_data(client: RpcClient, transaction_hash: str) -> bytes:
    """The data of a transaction that the node knows.

    Raises:
        InputError: the node has no such transaction.
    """
    what = "eth_getTransactionByHash"
    found = client.call(what, transaction_hash)
    if found is None:
        raise InputError("the node has no such transaction", path=transaction_hash)
    return to_bytes(to_mapping(found, what).get("input"), what)


def load_executable(path: Path) -> Plan:
    """A saved plan that has something to execute.

    Raises:
        InputError: it advises to hold, or has no payload.
    """
    loaded, _ = load_plan(path)
    if loaded.program is None:
        raise InputError(why_not_executable(loaded), path=path.name)
    return loaded


def simulate_plan(chain: Chain, proposed: Plan, block: int | None = None) -> Simulation:
    """The exact transactions of a plan, run in process on a block; the latest if none is named.

    Raises:
        ChainIdMismatch: the plan is of another chain than the deployment.
        ChainError: the node; a transaction that reverts is an answer, and no error.
    """
    if proposed.chain_id != chain.deployment.chain_id:
        raise ChainIdMismatch(
            f"the plan is of chain {proposed.chain_id}, the deployment of chain {chain.deployment.chain_id}"
        )
    head = read_head(chain.client, "latest" if block is None else block)
    next_timestamp = head.timestamp + BLOCK_SECONDS
    return simulate(
        chain.client,
        chain.url,
        owner=proposed.owner,
        factory=chain.factory,
        payload=payload_of(proposed),
        tokens=chain.deployment.token_by_address,
        block=head.hash,
        timestamp=next_timestamp if block is not None else max(next_timestamp, int(time.time())),
    )


def choose_signer(
    owner: Address, signer_url: str | None, keystore: Path | None, password_file: Path | None, *, ask: bool
) -> Signer:
    """A remote signer where its URL is named, else the keystore's key.

    Args:
        ask: prompt for the password where neither a file nor the environment gives it.

    Raises:
        InputError: neither is named, or the password is wrong.
    """
    if signer_url is not None:
        return RemoteSigner(RpcClient(signer_url), owner)
    if keystore is None:
        raise InputError("name one: --keystore FILE or --signer-url URL", path="keystore")
    password = read_password(password_file, prompt=getpass.getpass if ask else None)
    return load_keystore(keystore, password)


def send_plan(
    chain: Chain,
    signer: Signer,
    proposed: Plan,
    simulation: Simulation | None,
    options: SendOptions,
    progress: Callable[[str], None] = lambda _: None,
) -> Sent:
    """Sends a simulated plan and verifies it on chain; see `router.chain.sender.send_plan`."""
    return sender.send_plan(
        chain.client,
        chain.url,
        signer,
        proposed,
        factory=chain.factory,
        simulation=simulation,
        tokens=chain.deployment.token_by_address,
        options=options,
        progress=progress,
    )


def simulation_report(chain: Chain, proposed: Plan, simulation: Simulation) -> SimulationFile:
    """A plan's simulation beside the plan, in the form that commands print."""
    return simulation_file(
        simulation,
        expected_outcome(proposed),
        tokens=chain.deployment.token_by_address,
        prices=proposed.prices,
        gas_planned=proposed.gas_estimate,
    )


def receipt_report(chain: Chain, proposed: Plan, sent: Sent) -> ReceiptFile:
    """What a plan did on chain, in the form that commands print."""
    tokens = chain.deployment.token_by_address
    return receipt_file(sent, proposed.chain_id, tokens=tokens, prices=proposed.prices)

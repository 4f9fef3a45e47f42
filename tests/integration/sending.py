"""Programs over the local chain's real pools, and the calls that simulate and send them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from router.chain.broadcast import Sending
from router.chain.calls import Transaction
from router.chain.fork import Simulation, simulate
from router.chain.reader import read_balances, read_snapshot
from router.chain.rpc import RpcClient
from router.chain.sender import SendOptions, Sent, send_payload
from router.chain.signer import KeySigner
from router.documents.deployment import parse_deployment
from router.encoder import encode
from router.localnet import Localnet
from router.plan import Outcome
from router.program import (
    AmountMode,
    Borrow,
    Check,
    Deliver,
    Program,
    Pull,
    Step,
    Swap,
    TokenBounds,
)
from router.replay import replay
from router.snapshot import Snapshot

DEADLINE = (1 << 40) - 1


@dataclass(frozen=True)
class Market:
    """The local chain as the planner sees it."""

    net: Localnet
    node: RpcClient
    snapshot: Snapshot
    balances: dict[str, int]

    @property
    def owner(self) -> str:
        return self.net.owner.address

    @property
    def factory(self) -> str:
        return str(self.net.deployment["executor_factory"])

    def outcome(self, program: Program) -> Outcome:
        return replay(program, self.snapshot, self.balances)

    def pool(self, kind: str, *symbols: str) -> str:
        wanted = {self.net.token(symbol) for symbol in symbols}
        return next(
            pool.address for pool in self.snapshot.pools if pool.kind == kind and wanted <= set(pool.tokens)
        )

    def swap(self, kind: str, sold: str, bought: str, amount: int = 0, **more: object) -> Swap:
        pool = self.pool(kind, sold, bought)
        state = self.snapshot.pool_by_address[pool]
        extra = {"vault": state.vault, "pool_id": state.pool_id} if kind.startswith("balancer") else {}
        fee = state.fee_pips if kind == "uniswap_v2" else 0
        arguments = {"amount": amount, "fee_pips": fee, **extra, **more}
        return Swap(
            kind,
            pool,
            self.net.token(sold),
            self.net.token(bought),
            **{"mode": AmountMode.LITERAL, **arguments},
        )

    def program(self, steps: tuple[Step, ...], spend: dict[str, int], **bounds: int) -> Program:
        """Steps with `spend` as the most of each token that the owner may lose, all others at zero."""
        found: dict[str, None] = {}
        for step in steps:
            match step:
                case Swap():
                    found |= {step.token_in: None, step.token_out: None}
                case Borrow():
                    found |= dict.fromkeys(token for token, _ in step.amounts)
                case Pull() | Deliver():
                    found[step.token] = None
        tokens = tuple(
            TokenBounds(token, max_spent=spend.get(token, 0), min_received=bounds.get(token, 0))
            for token in found
        )
        return Program(DEADLINE, 0, tokens, steps)


def read_market(net: Localnet) -> Market:
    node = RpcClient(net.rpc_url)
    snapshot = read_snapshot(node, parse_deployment(dict(net.deployment)))
    return Market(net, node, snapshot, read_balances(node, net.owner.address, snapshot.tokens))


def lender_of(market: Market, kind: str) -> str:
    return next(lender.address for lender in market.snapshot.lenders if lender.kind == kind)


def pull_first(market: Market, sold: str, amount: int) -> Program:
    """Sells `amount`, pulled first: half through v2, the rest through v3, both for WETH."""
    token = market.net.token(sold)
    steps = (
        Pull(token, amount),
        market.swap("uniswap_v2", sold, "WETH", amount // 2),
        market.swap("uniswap_v3", sold, "WETH", mode=AmountMode.REMAINDER),
    )
    return market.program(steps, {token: amount})


def deliver_first(market: Market, kind: str, sold: str, amount: int) -> Program:
    """Borrows what is sold, delivers what is bought, checks it, and only then pulls what is owed."""
    token, weth = market.net.token(sold), market.net.token("WETH")
    lender = lender_of(market, "aave_v3" if kind.startswith("aave") else kind)
    steps = (
        Borrow(kind, lender, ((token, amount),)),
        market.swap("uniswap_v3", sold, "WETH", amount),
        Deliver(weth),
        Check(),
        Pull(token, None),
    )
    return market.program(steps, {token: amount + amount // 100})


def payload_of(program: Program) -> bytes:
    return encode(program)


def send_raw(market: Market, transaction: Transaction, gas: int = 8_000_000) -> dict[str, str]:
    """Sends through the node's own unlocked account, and waits for the receipt."""
    rpc = market.net.rpc
    sent = {
        "from": market.owner,
        "to": transaction.to,
        "data": "0x" + transaction.data.hex(),
        "gas": hex(gas),
        "value": hex(transaction.value),
    }
    identifier = rpc.call("eth_sendTransaction", sent)
    while True:
        receipt = rpc.call("eth_getTransactionReceipt", identifier)
        if receipt:
            return dict(receipt)


def signer_of(market: Market) -> KeySigner:
    return KeySigner.from_key(bytes.fromhex(market.net.owner.private_key[2:]))


def options_of(folder: Path, **more: object) -> SendOptions:
    sending = Sending(receipt_timeout_seconds=10, poll_seconds=0.01)
    return SendOptions(**{"state_folder": folder, "sending": sending, **more})


def simulated(market: Market, program: Program) -> Simulation:
    return simulate(
        market.node,
        market.net.rpc_url,
        owner=market.owner,
        factory=market.factory,
        payload=payload_of(program),
        tokens=market.snapshot.tokens,
    )


def sent(
    market: Market,
    program: Program,
    folder: Path,
    *,
    node: RpcClient | None = None,
    simulation: Simulation | None = None,
    chain_id: int | None = None,
    **more: object,
) -> Sent:
    return send_payload(
        node or market.node,
        market.net.rpc_url,
        signer_of(market),
        payload_of(program),
        chain_id=chain_id or market.net.chain_id,
        expected=market.outcome(program),
        factory=market.factory,
        simulation=simulation,
        tokens=market.snapshot.tokens,
        options=options_of(folder, **more),
    )


def balances(market: Market) -> dict[str, int]:
    return {token: market.net.balance_of(token, market.owner) for token in market.snapshot.tokens}


def nonce(market: Market) -> int:
    return int(market.net.rpc.call("eth_getTransactionCount", market.owner, "latest"), 16)

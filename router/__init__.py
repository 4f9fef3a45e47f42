"""Plan a portfolio's rebalance over AMM pools, and execute it as one flash-loan transaction.

Without a node, from two files:

    from router import encode, load_portfolio, load_snapshot, make_plan, replay_plan

    market = load_snapshot("market.json")
    plan = make_plan(market, load_portfolio("portfolio.toml", market))
    assert dict(replay_plan(plan, market).balance_changes)
    payload = encode(plan.program)

Weighed against what it costs, and where the portfolio stands:

    from router import load_portfolio_file, look, make_plan

    file = load_portfolio_file("portfolio.toml")
    portfolio, discipline = file.resolve(market), file.discipline(market)
    plan = make_plan(market, portfolio, discipline=discipline)
    standing = look(market, portfolio, file.triggers(market), discipline=discipline)

On a chain:

    from router import SendOptions, connect, load_keystore, load_portfolio_file, make_plan
    from router import read_market, read_portfolio, send_plan, simulate_plan

    chain = connect("http://127.0.0.1:8545", "deployment.json")
    market = read_market(chain)
    plan = make_plan(market, read_portfolio(chain, load_portfolio_file("portfolio.toml"), market))
    simulation = simulate_plan(chain, plan)
    signer = load_keystore(Path("owner.json"), password)
    sent = send_plan(chain, signer, plan, simulation, SendOptions(state_folder=Path(".rebalance")))
    assert sent.verified

Names are loaded when first used, so that importing the package is quick and opens nothing. Everything that
goes wrong on purpose is a `RouterError`; its `exit_code` is the command line's.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from router.advice import Advice, advise
    from router.chain.fork import Simulation
    from router.chain.sender import SendOptions, Sent
    from router.chain.signer import KeySigner, RemoteSigner, Signer, load_keystore
    from router.documents.deployment import Deployment, load_deployment
    from router.documents.plan_file import load_plan, save_plan
    from router.documents.portfolio_file import PortfolioFile, load_portfolio, load_portfolio_file
    from router.documents.snapshot_file import load_snapshot, save_snapshot
    from router.encoder import decode, encode
    from router.errors import (
        ChainError,
        ExecutionReverted,
        GuardRefused,
        Infeasible,
        InputError,
        NothingToDo,
        RouterError,
    )
    from router.localnet import Localnet, start_localnet
    from router.market_cost import measure_cost
    from router.plan import Cost, Judgement, Outcome, Plan, PlannedLoan, PlannedSwap, Verdict
    from router.portfolio import LoanPolicy, Portfolio, Settlement
    from router.program import Program
    from router.rebalancer import (
        Chain,
        connect,
        make_plan,
        payload_of,
        read_market,
        read_portfolio,
        replay_plan,
        send_plan,
        simulate_plan,
    )
    from router.snapshot import Snapshot
    from router.status import Standing, look, status_file
    from router.strategy.costs import MarketCost
    from router.strategy.decision import Decision, decide
    from router.strategy.discipline import Discipline
    from router.tokens import Token, format_amount, parse_amount

_HOMES = {
    "advice": ("Advice", "advise"),
    "chain.fork": ("Simulation",),
    "chain.sender": ("SendOptions", "Sent"),
    "chain.signer": ("KeySigner", "RemoteSigner", "Signer", "load_keystore"),
    "documents.deployment": ("Deployment", "load_deployment"),
    "documents.plan_file": ("load_plan", "save_plan"),
    "documents.portfolio_file": ("PortfolioFile", "load_portfolio", "load_portfolio_file"),
    "documents.snapshot_file": ("load_snapshot", "save_snapshot"),
    "encoder": ("decode", "encode"),
    "errors": (
        "ChainError",
        "ExecutionReverted",
        "GuardRefused",
        "Infeasible",
        "InputError",
        "NothingToDo",
        "RouterError",
    ),
    "localnet": ("Localnet", "start_localnet"),
    "market_cost": ("measure_cost",),
    "plan": ("Cost", "Judgement", "Outcome", "Plan", "PlannedLoan", "PlannedSwap", "Verdict"),
    "portfolio": ("LoanPolicy", "Portfolio", "Settlement"),
    "program": ("Program",),
    "rebalancer": (
        "Chain",
        "connect",
        "make_plan",
        "payload_of",
        "read_market",
        "read_portfolio",
        "replay_plan",
        "send_plan",
        "simulate_plan",
    ),
    "snapshot": ("Snapshot",),
    "status": ("Standing", "look", "status_file"),
    "strategy.costs": ("MarketCost",),
    "strategy.decision": ("Decision", "decide"),
    "strategy.discipline": ("Discipline",),
    "tokens": ("Token", "format_amount", "parse_amount"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Advice",
    "Chain",
    "ChainError",
    "Cost",
    "Decision",
    "Deployment",
    "Discipline",
    "ExecutionReverted",
    "GuardRefused",
    "Infeasible",
    "InputError",
    "Judgement",
    "KeySigner",
    "LoanPolicy",
    "Localnet",
    "MarketCost",
    "NothingToDo",
    "Outcome",
    "Plan",
    "PlannedLoan",
    "PlannedSwap",
    "Portfolio",
    "PortfolioFile",
    "Program",
    "RemoteSigner",
    "RouterError",
    "SendOptions",
    "Sent",
    "Settlement",
    "Signer",
    "Simulation",
    "Snapshot",
    "Standing",
    "Token",
    "Verdict",
    "advise",
    "connect",
    "decide",
    "decode",
    "encode",
    "format_amount",
    "load_deployment",
    "load_keystore",
    "load_plan",
    "load_portfolio",
    "load_portfolio_file",
    "load_snapshot",
    "look",
    "make_plan",
    "measure_cost",
    "parse_amount",
    "payload_of",
    "read_market",
    "read_portfolio",
    "replay_plan",
    "save_plan",
    "save_snapshot",
    "send_plan",
    "simulate_plan",
    "start_localnet",
    "status_file",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

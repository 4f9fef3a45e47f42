"""A plan that is sent ten blocks later, after unrelated small trades in every one of its pools."""

from __future__ import annotations

import pytest

from router.chain.executor import executor_address
from router.program import Borrow, Swap
from router.rebalancer import load_executable
from tests.integration.operator import Workspace

BLOCKS = 10
SMALL = 2_000
"""A small trade: one part in so many of what the plan sells in the pool."""


@pytest.mark.parametrize("settlement", ["pull-first", "deliver-first"])
def test_it_lands_inside_its_bounds_and_leaves_no_dust(settlement: str, workspace: Workspace) -> None:
    workspace.edit("portfolio.toml", "tolerance_bps", f'settlement = "{settlement}"\ntolerance_bps')
    net, owner = workspace.net, workspace.net.owner.address
    workspace.plan()
    plan, made_at = load_executable(workspace.plan_file), net.block_number()
    assert plan.program is not None
    assert bool(plan.loans) == (settlement == "deliver-first")
    traded = {swap.pool: swap for swap in plan.swaps}
    for place, swap in enumerate(traded.values()):
        forward = swap.token_in, swap.token_out, swap.amount_in // SMALL
        backward = swap.token_out, swap.token_in, swap.amount_out // SMALL
        net.trade(swap.pool, *(forward if place % 2 else backward))
    net.mine(max(0, made_at + BLOCKS - net.block_number()))
    assert net.block_number() >= made_at + BLOCKS
    before = workspace.balances()

    sent = workspace.send("--within-bounds", "--json")

    assert sent.code == 0, sent.stderr
    receipt = sent.document
    assert not all(row["equal"] for row in receipt["amounts"])
    assert all(check["ok"] for check in receipt["verification"])
    after = workspace.balances()
    executor = executor_address(str(net.deployment["executor_factory"]), owner)
    assert all(net.balance_of(token, executor) == 0 for token in after)
    assert all(_allowance(workspace, token, owner, executor) == 0 for token in after)
    places = {step.pool for step in plan.program.steps if isinstance(step, Swap)}
    places |= {step.lender for step in plan.program.steps if isinstance(step, Borrow)}
    for token in after:
        assert all(_allowance(workspace, token, executor, each) == 0 for each in places)
    changes = {token: after[token] - before[token] for token in after if after[token] != before[token]}
    assert {row["token"]: int(row["raw"]) for row in receipt["balance_changes"]} == changes
    for bounds in plan.program.tokens:
        change = changes.get(bounds.token, 0)
        assert change >= bounds.min_received if bounds.min_received else -change <= bounds.max_spent
    bounded = {bounds.token for bounds in plan.program.tokens}
    assert set(changes) <= bounded
    if settlement == "pull-first":
        spent = {token: -change for token, change in changes.items() if change < 0}
        assert spent == {token: amount for token, amount in plan.pulls.items() if amount}


def _allowance(workspace: Workspace, token: str, owner: str, spender: str) -> int:
    data = "0xdd62ed3e" + owner[2:].rjust(64, "0") + spender[2:].rjust(64, "0")
    return int(workspace.net.rpc.call("eth_call", {"to": token, "data": data}, "latest"), 16)

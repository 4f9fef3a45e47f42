"""Tables for people. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from router.cli.console import print_table, say
from router.documents.outputs import AmountRow, ReceiptFile, SimulationFile
from router.fixed_point import BPS, WAD
from router.plan import Judgement, Plan
from router.snapshot import price_text_to_e36
from router.tokens import Address, Token, format_amount

Tokens = Mapping[Address, Token]
MOST_STEPS = 12
"""Swaps shown of one plan, so that it fits a screen; --json has all of them."""


def money(value: float) -> str:
    """Numeraire units, two decimals, thousands separated."""
    return f"{value:,.2f}"


def amount(raw: int, token: Token) -> str:
    """Whole tokens, at most eight decimals shown, sign kept."""
    text = format_amount(raw, token.decimals)
    whole, _, fraction = text.partition(".")
    return f"{int(whole):,}" if not fraction else f"{Decimal(text):,.8f}".rstrip("0").rstrip(".")


def signed(raw: int, token: Token) -> str:
    return ("+" if raw > 0 else "") + amount(raw, token)


def percent(share: float) -> str:
    return f"{share * 100:.3f} %"


def weights(
    holdings: Mapping[Address, int], prices: Mapping[Address, str], tokens: Tokens
) -> dict[Address, float]:
    """Share of the value of all holdings, by token; tokens without a price weigh nothing."""
    values = {
        address: raw * price_text_to_e36(prices[address], tokens[address].decimals)
        for address, raw in holdings.items()
        if address in prices
    }
    total = sum(values.values())
    return {address: value / total if total else 0.0 for address, value in values.items()}


def show_plan(plan: Plan, tokens: Tokens) -> None:
    """Weights, steps, loans, cost, certificate and verdict."""
    show_weights("Weights", plan.holdings_before, plan.holdings_after, plan, tokens)
    if plan.swaps:
        print_table(
            "Steps",
            ["step", "pool", "kind", "pays", "receives"],
            [
                (
                    swap.index,
                    f"{swap.pool[:8]}…{swap.pool[-4:]}",
                    swap.kind,
                    f"{amount(swap.amount_in, tokens[swap.token_in])} {tokens[swap.token_in]}",
                    f"{amount(swap.amount_out, tokens[swap.token_out])} {tokens[swap.token_out]}",
                )
                for swap in plan.swaps[:MOST_STEPS]
            ],
            left=["pool", "kind"],
        )
    if len(plan.swaps) > MOST_STEPS:
        say(f"and {len(plan.swaps) - MOST_STEPS} more swaps, all of them in --json")
    if plan.loans:
        print_table(
            "Flash loans",
            ["lender", "kind", "amount", "premium"],
            [
                (
                    f"{loan.lender[:8]}…{loan.lender[-4:]}",
                    loan.kind,
                    f"{amount(loan.amount, tokens[loan.token])} {tokens[loan.token]}",
                    amount(loan.premium, tokens[loan.token]),
                )
                for loan in plan.loans
            ],
            left=["kind"],
        )
    show_cost(plan)
    show_certificate(plan)
    if plan.judgement is not None:
        show_judgement(plan.judgement, tokens, plan.value_before)
    say(f"value {money(plan.value_before)} -> {money(plan.value_after)}, gas {plan.gas_estimate:,}")
    say(f"[bold]{plan.verdict.value}[/]: {plan.reason}")
    for note in plan.notes:
        say(f"note: {note}")


def show_weights(
    title: str, before: Mapping[Address, int], after: Mapping[Address, int], plan: Plan, tokens: Tokens
) -> None:
    """Holdings and weights before, at the target and after."""
    weights_before = weights(_beside(plan.reserved, before), plan.prices, tokens)
    weights_after = weights(_beside(plan.reserved, after), plan.prices, tokens)
    order = sorted(
        {*before, *after, *plan.targets_wad},
        key=lambda address: -max(plan.targets_wad.get(address, 0) / WAD, weights_before.get(address, 0)),
    )
    print_table(
        title,
        ["token", "before", "after", "weight", "target", "weight after"],
        [
            (
                tokens[address].symbol,
                amount(before.get(address, 0), tokens[address]),
                amount(after.get(address, 0), tokens[address]),
                percent(weights_before.get(address, 0.0)),
                percent(plan.targets_wad.get(address, 0) / WAD),
                percent(weights_after.get(address, 0.0)),
            )
            for address in order
        ],
    )


def _beside(reserved: Mapping[Address, int], holdings: Mapping[Address, int]) -> dict[Address, int]:
    """Raw units that the weights are shares of: what is reserved is left out."""
    return {address: max(0, raw - reserved.get(address, 0)) for address, raw in holdings.items()}


def show_cost(plan: Plan) -> None:
    """The cost split."""
    cost = plan.cost
    rows = [
        ("pool fees", cost.pool_fees),
        ("price impact", cost.price_impact),
        ("flash premium", cost.flash_premium),
        ("gas", cost.gas),
        ("total", cost.total),
    ]
    print_table(
        "Cost",
        ["", "numeraire", "bp of value"],
        [
            (name, money(value), f"{value / plan.value_before * BPS:.2f}" if plan.value_before else "")
            for name, value in rows
        ],
    )


def show_certificate(plan: Plan) -> None:
    """How far the plan can be from the best one, and what it was compared with; nothing without a proof."""
    proof = plan.certificate
    if proof is None:
        return
    parts = (proof.parts.gas, proof.parts.integers, proof.parts.bounds)
    net_value = proof.net_value
    arbitrage_bps = proof.arbitrage / net_value * BPS if net_value else 0.0
    print_table(
        f"Certificate, landing: {plan.landing}",
        ["", "numeraire", "bp of net value"],
        [
            ("value reached, net of gas", f"{net_value:,.4f}", ""),
            ("most that any trade reaches", f"{proof.net_bound:,.4f}", f"{proof.gap_bps:.4f}"),
            ("  gas + integers + your limits", "", " + ".join(f"{part:.4f}" for part in parts)),
            ("arbitrage left in the pools", f"{proof.arbitrage:,.4f}", f"{arbitrage_bps:.4f}"),
            ("pool directions left out", f"{len(plan.excluded):,}", ""),
        ],
    )


def show_judgement(judgement: Judgement, tokens: Tokens, value: float) -> None:
    """What a trade avoids, what it costs, and what is left."""
    rows = [
        ("tracking-error cost avoided", judgement.avoided_bps),
        ("pool fees", -judgement.fees_bps),
        ("price impact", -judgement.impact_bps),
        ("flash premium", -judgement.premium_bps),
        ("gas", -judgement.gas_bps),
        ("net benefit", judgement.net_bps),
    ]
    source = "the plan's own" if judgement.measured else "from cost curves"
    print_table(
        f"Over {judgement.horizon_days:g} days, costs {source}",
        ["", "numeraire", "bp of value"],
        [(name, f"{bps / BPS * value + 0.0:+,.2f}", f"{bps + 0.0:+.2f}") for name, bps in rows],
    )
    if judgement.trade:
        names = ", ".join(str(tokens[token]) for token in judgement.traded)
        say(f"aim: {judgement.aim}, by trading {names}", markup=False)
    if judgement.choice_gap_bps:
        say(f"trading other assets would net at most {judgement.choice_gap_bps:.2g} bp more", markup=False)


def show_simulation(report: SimulationFile, tokens: Tokens) -> None:
    """Planned and simulated changes of the owner's balances, or why it reverts."""
    if report.revert is not None:
        say(f"[bold red]reverts[/] at block {report.block_number}: ", end="")
        say(report.revert.message, markup=False)
        return
    _show_amounts(f"Simulation on block {report.block_number}", "simulated", report.amounts, tokens)
    say(f"gas {report.gas:,}, planned {report.gas_planned:,}")
    say("every amount equals the plan" if report.equal else "[bold red]amounts differ from the plan[/]")


def show_receipt(report: ReceiptFile, tokens: Tokens) -> None:
    """What happened on chain, and every check made afterwards."""
    _show_amounts(f"Executed in block {report.block_number}", "executed", report.amounts, tokens)
    print_table(
        "Verification",
        ["check", "", "found"],
        [(check.name, "ok" if check.ok else "FAILED", check.found) for check in report.verification],
        left=["", "found"],
    )
    for transaction in report.transactions:
        say(f"transaction {transaction}")
    say(f"gas used {report.gas_used:,} at {report.effective_gas_price_wei / 10**9:.4f} gwei")


def _show_amounts(title: str, found: str, rows: Iterable[AmountRow], tokens: Tokens) -> None:
    print_table(
        title,
        ["token", "planned", found, "equal"],
        [
            (
                row.symbol,
                signed(row.planned, tokens[row.token]),
                signed(row.found, tokens[row.token]),
                "yes" if row.equal else "NO",
            )
            for row in rows
        ],
    )

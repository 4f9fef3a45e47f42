"""A plan as a page: what it does, what it costs, and how far from the optimum it is at most."""

from __future__ import annotations

from collections.abc import Iterator

from router.disassembler import BOUNDS_HEADER, describe
from router.fixed_point import WAD
from router.plan import Plan, PlannedSwap, Verdict
from router.program import Program
from router.report.certificate_part import certificate_part
from router.report.figures import cost_figure, flow_figure, weight_figure
from router.report.flows import flows
from router.report.judgement_part import judgement_part
from router.report.page import Html, document, heading, items, join, paragraph, section, table
from router.report.shares import shares
from router.report.view import View
from router.report.words import bps, money, percent
from router.snapshot import Snapshot
from router.tokens import to_checksum

_LANDINGS = {
    "target": "at the target weights",
    "band": "anywhere within the bands",
    "nearest": "as near to the target weights as the owner's rules allow",
}


def plan_page(plan: Plan, market: Snapshot) -> str:
    """The whole HTML file of a plan and the snapshot that it was made from.

    Amounts are exact; values are in the numeraire at the plan's prices.
    """
    view = View.of(plan, market)
    verb = "trade" if plan.verdict is Verdict.TRADE else "hold, nothing to do"
    where = f"chain {plan.chain_id}, block {plan.block_number}, owner {to_checksum(plan.owner)}"
    return document(
        f"Rebalance: {verb} ({where})",
        heading(f"Rebalance: {verb}"),
        paragraph(where),
        paragraph(f"{plan.reason}.", "lead"),
        _facts(view),
        *_sections(view),
    )


def _facts(view: View) -> Html:
    plan, cost = view.plan, view.plan.cost.total
    rows = [
        ("value before", view.money(plan.value_before)),
        ("value after", f"{view.money(plan.value_after)}, gas not deducted"),
        ("cost, gas included", f"{view.money(cost)}, {bps(cost, plan.value_before)} bp"),
        ("gas estimate", f"{plan.gas_estimate:,}"),
        ("settlement", plan.settlement),
        ("may end", _LANDINGS.get(plan.landing, plan.landing)),
        ("prices", view.market.price_source or "unknown source"),
        ("snapshot", f"sha-256 {plan.snapshot_hash}"),
    ]
    return table(("", ""), rows, left=("",))


def _sections(view: View) -> Iterator[Html]:
    plan = view.plan
    if plan.notes:
        yield section("Notes", items(plan.notes))
    if plan.program is not None:
        yield _flows(view)
    yield _weights(view)
    if plan.judgement is not None:
        yield section("Does it pay?", *judgement_part(plan.judgement, view))
    if plan.program is not None:
        yield _cost(view)
        yield section("Certificate", *certificate_part(view))
        yield _steps(view)
        yield _enforced(plan.program, view)
    yield _tokens(view)


def _flows(view: View) -> Html:
    return section(
        "Flows",
        flow_figure(flows(view.plan, view.price_e36), view),
        paragraph(
            "From what the owner and the lenders give, through tokens and pools, to what they get. Each swap "
            "is one link, coloured by the kind of its pool; point at it for pool, fee and exact amounts. "
            "Widths are values at the plan's prices.",
            "small",
        ),
    )


def _weights(view: View) -> Html:
    plan, names = view.plan, view.names
    rows = shares(plan, view.price_e36)
    cells = [
        (
            names.name(row.token),
            names.number(row.token, plan.holdings_before.get(row.token, 0)),
            names.number(row.token, plan.holdings_after.get(row.token, 0)),
            percent(row.before),
            percent(row.target_wad / WAD),
            f"{percent(row.low_wad / WAD)} to {percent(row.high_wad / WAD)}",
            percent(row.after),
        )
        for row in rows
    ]
    header = ("token", "held before", "held after", "weight before", "target", "band", "weight after")
    parts = [weight_figure(rows, names), table(header, cells)]
    if plan.reserved:
        beside = ", ".join(names.amount(token, raw) for token, raw in plan.reserved.items())
        parts.append(paragraph(f"Held, and kept out of the weights: {beside}."))
    return section("Weights", *parts)


def _cost(view: View) -> Html:
    cost, value = view.plan.cost, view.plan.value_before
    parts = {
        "pool fees": cost.pool_fees,
        "price impact": cost.price_impact,
        "flash premium": cost.flash_premium,
        "gas": cost.gas,
    }
    rows = [(name, money(part), bps(part, value)) for name, part in parts.items()]
    rows.append(("total", money(cost.total), bps(cost.total, value)))
    return section("Cost", cost_figure(parts, view), table(("", view.unit, "bp of the value before"), rows))


def _steps(view: View) -> Html:
    plan, names = view.plan, view.names
    header = ("step", "pool", "fee", "pays", "receives", f"{view.unit} received", "loses, bp")
    parts = [table(header, [_swap_row(swap, view) for swap in plan.swaps], left=("pool",))]
    if plan.loans:
        lent = [
            (
                f"{loan.kind} {to_checksum(loan.lender)}",
                names.amount(loan.token, loan.amount),
                names.amount(loan.token, loan.premium),
            )
            for loan in plan.loans
        ]
        parts.append(table(("lender", "lends", "premium"), lent))
    if plan.pulls:
        pulled = [(names.name(token), names.number(token, raw)) for token, raw in plan.pulls.items()]
        parts.append(table(("token", "pulled from the owner"), pulled))
    return section("Steps", *parts)


def _swap_row(swap: PlannedSwap, view: View) -> tuple[str, ...]:
    paid, received = view.paid(swap), view.received(swap)
    return (
        str(swap.index),
        f"{swap.kind} {to_checksum(swap.pool)}",
        view.fee(swap),
        view.names.amount(swap.token_in, swap.amount_in),
        view.names.amount(swap.token_out, swap.amount_out),
        money(received),
        bps(paid - received, paid),
    )


def _enforced(program: Program, view: View) -> Html:
    told = describe(program, view.names.tokens)
    sentences = [(str(index), sentence) for index, sentence in enumerate(told.steps)]
    return join(
        (
            section("What the executor runs", table(("step", "does"), sentences, left=("does",))),
            section(
                "What the executor enforces",
                table(("", ""), told.head, left=("",)),
                table(BOUNDS_HEADER, told.bounds),
                paragraph(
                    "On the owner's balances, by difference, at the end; else the transaction reverts.",
                    "small",
                ),
            ),
        )
    )


def _tokens(view: View) -> Html:
    prices = {**view.market.prices, **view.plan.prices}
    dual = view.plan.certificate.dual_prices if view.plan.certificate else {}
    rows = [
        (
            view.names.name(address),
            to_checksum(address),
            str(token.decimals),
            prices.get(address, "none"),
            money(dual[address] * 10**token.decimals) if address in dual else "",
        )
        for address, token in view.names.tokens.items()
    ]
    header = ("token", "address", "decimals", "price", "dual price")
    return section("Tokens", table(header, rows, left=("address",)))

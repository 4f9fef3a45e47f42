"""Where a portfolio stands against its target, at one block."""

from __future__ import annotations

from router.documents.outputs import StatusFile, StatusRow
from router.planner.valuation import Valuation
from router.portfolio import Portfolio
from router.snapshot import Snapshot
from router.tokens import format_amount

_WEIGHT_DECIMALS = 18


def portfolio_status(snapshot: Snapshot, portfolio: Portfolio) -> StatusFile:
    """Amounts, values, weights and drift of every token that is held or wanted, the heaviest first.

    Raises:
        InputError: nothing of value is held, or a token has no price.
    """
    valuation = Valuation(snapshot, portfolio)
    valuation.check()
    total = valuation.value({token: portfolio.holdings.get(token, 0) for token in valuation.tokens})
    drifts = valuation.drifts_bps(portfolio.holdings)
    rows = []
    for token in valuation.tokens:
        raw = portfolio.holdings.get(token, 0)
        value = valuation.value({token: raw})
        rows.append(
            StatusRow.of(
                token=token,
                symbol=snapshot.tokens[token].symbol,
                raw=raw,
                amount=format_amount(raw, snapshot.tokens[token].decimals),
                price=valuation.price_texts.get(token),
                value=value,
                weight=value / total,
                target=format_amount(portfolio.targets_wad.get(token, 0), _WEIGHT_DECIMALS),
                drift_bps=drifts[token],
            )
        )
    largest = max(map(abs, drifts.values()))
    return StatusFile.of(
        chain_id=snapshot.chain_id,
        block_number=snapshot.block_number,
        owner=portfolio.owner,
        numeraire=snapshot.numeraire,
        value=total,
        tokens=tuple(sorted(rows, key=lambda row: -max(row.weight or 0.0, float(row.target)))),
        max_drift_bps=largest,
        tolerance_bps=portfolio.tolerance_bps,
        due=largest > portfolio.tolerance_bps,
        notes=(f"prices: {snapshot.price_source}",) if snapshot.price_source else (),
    )

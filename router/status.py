"""Where a portfolio stands against its target at one block, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from math import isfinite
from pathlib import Path

from router.advice import Advice, advise
from router.documents.plan_file import judgement_of
from router.documents.status_models import (
    DriftEntry,
    ReadingEntry,
    StatusFile,
    StatusRow,
    TriggerEntry,
)
from router.errors import BrokenMarket
from router.fixed_point import BPS
from router.market_guards import check_market
from router.plan import Judgement
from router.planner.gas import gas_price_of
from router.planner.valuation import Valuation
from router.portfolio import Portfolio
from router.snapshot import Snapshot
from router.strategy.bands import Band
from router.strategy.discipline import Discipline
from router.strategy.drift import Drift, DriftKind
from router.strategy.feeds import OVERRULED, described
from router.strategy.journal import Accepted, Ending, Record, end, tick
from router.strategy.machine import next_due
from router.strategy.observation import Observation
from router.strategy.state import TriggerState
from router.strategy.trade_program import can_weigh
from router.strategy.triggers import Calendar, TriggerSpec, leaves
from router.strategy.weighing import Weighing
from router.tokens import Address, format_amount
from router.trigger_journal import (
    TriggerJournal,
    accepted_prices,
    account_of,
    open_journal,
    solver_here,
)
from router.waiting import timing_told

_WEIGHT_DECIMALS = 18


@dataclass(frozen=True)
class Standing:
    """One look at a portfolio.

    Attributes:
        record: the tick of its trigger.
        advice: None where the owner has not said what drift costs, the libraries to weigh it with are not
            installed, or a trade is due whatever it costs.
    """

    valuation: Valuation
    spec: TriggerSpec
    record: Record
    advice: Advice | None

    @cached_property
    def drift(self) -> Drift:
        return self.record.observation.drift()

    @property
    def judgement(self) -> Judgement | None:
        return None if self.advice is None else self.advice.judgement

    def accepted(self, overruled: Sequence[BrokenMarket], account: str) -> Standing:
        """The same with its account and prices in the record: later looks are held to them."""
        texts = self.valuation.price_texts
        prices = tuple(float(texts[token]) for token in self.valuation.tokens)
        found = Accepted(self.valuation.snapshot.numeraire, prices, described(overruled))
        return replace(self, record=replace(self.record, accepted=found, account=account))

    @property
    def trades(self) -> bool:
        """Whether the trigger fires and, where that is known, a trade pays."""
        pays = self.advice is None or self.advice.decision.trade
        return self.record.decision.fires and pays

    @property
    def reason(self) -> str:
        """Stable code: the trigger's where it does not fire, else the decision's where there is one."""
        if not self.record.decision.fires or self.advice is None:
            return self.record.decision.reason.value
        return self.advice.decision.reason.value


def look(
    snapshot: Snapshot,
    portfolio: Portfolio,
    spec: TriggerSpec,
    *,
    discipline: Discipline | None = None,
    state: TriggerState | None = None,
    now: datetime | None = None,
    journal: Path | None = None,
    trade_broken_market: bool = False,
) -> Standing:
    """Ticks the trigger on the portfolio's weights, and weighs a trade where the owner's discipline says how.

    Args:
        state: of the trigger, after its last tick; None before the first.
        now: None takes the snapshot's own time.
        journal: holds the state in place of `state`, and takes the look: what fires and does not pay is
            declined there, and what fires and pays is in flight. The look's prices are held to the owner's
            guards and to those of the looks before; where they fail, nothing is written.
        trade_broken_market: overrules the guards; the journal tells what they would have refused.

    Raises:
        InputError: nothing of value is held, a token has no price, or no volatility though one is needed, or
            the journal can't be read or is another account's.
        GuardRefused: another process has the journal open, or the disk does not take it.
        BrokenMarket: prices that no look with a journal can rest on.
    """
    if journal is not None:
        account = account_of(snapshot.chain_id, portfolio.owner)
        with open_journal(journal, account) as opened:
            overruled = check_market(
                snapshot,
                portfolio,
                last_accepted=accepted_prices(
                    opened.lines, snapshot.numeraire, Valuation(snapshot, portfolio).tokens
                ),
                trade_broken_market=trade_broken_market,
            )
            _decline_what_does_not_pay(opened)  # a look before may have been interrupted here
            standing = look(snapshot, portfolio, spec, discipline=discipline, state=opened.state, now=now)
            standing = standing.accepted(overruled, account)
            opened.add(standing.record)
            _decline_what_does_not_pay(opened)
        return standing
    valuation = Valuation(snapshot, portfolio)
    valuation.check()
    taken = datetime.fromtimestamp(snapshot.timestamp, UTC)
    weights = valuation.weights(valuation.tradable)
    advice = None if discipline is None or not can_weigh() else advise(snapshot, portfolio, discipline)
    covariance = None
    if discipline is not None:
        covariance = discipline.covariance(valuation.tokens, snapshot.numeraire, valuation.symbol)
    value = valuation.value(valuation.tradable)
    observation = Observation.of(
        valuation.tokens,
        list(weights.values()),
        [valuation.target(token) for token in valuation.tokens],
        covariance,
        value,
        trade=None if advice is None else _sold(advice, value),
        gas_price_wei=_dearest_gas(valuation),
        priced_at=tuple(_priced_at(valuation, token) for token in valuation.tokens),
    )
    record = tick(spec, state, observation, now or taken)
    if advice is not None:
        weighing = Weighing.of(advice.decision, advice.discipline.risk_aversion, solver_here())
        record = replace(record, weighing=weighing)
    return Standing(valuation, spec, record, advice)


def _sold(advice: Advice, value: float) -> float | None:
    """What the trade decided on would sell, in the numeraire; None where none pays."""
    if not advice.decision.trade:
        return None
    changes: list[float] = advice.decision.changes.tolist()
    return -value * sum(change for change in changes if change < 0)


def _dearest_gas(valuation: Valuation) -> int | None:
    """What a ceiling is held to, in wei: a price that the owner counts with makes no block cheaper."""
    found = (valuation.snapshot.base_fee_wei, valuation.portfolio.gas_price_wei)
    return max((wei for wei in found if wei is not None), default=None)


def _priced_at(valuation: Valuation, token: Address) -> datetime:
    """When its price was true: as its feed told where it is a feed's, else at the block."""
    snapshot, owned = valuation.snapshot, valuation.portfolio.prices
    told = snapshot.timestamp if token in owned else snapshot.priced_at.get(token, snapshot.timestamp)
    return datetime.fromtimestamp(told, UTC)


def _decline_what_does_not_pay(journal: TriggerJournal) -> None:
    """Ends what the last line fired, where the same line weighed that it doesn't pay."""
    last = journal.lines[-1] if journal.lines else None
    if not isinstance(last, Record) or not last.decision.fires or last.weighing is None:
        return
    if not last.weighing.ruling.trade:
        journal.add(end(Ending.DECLINED, last.after, last.now))


def status_file(standing: Standing) -> StatusFile:
    """Amounts, values, weights, drift, bands, trigger and verdict; the heaviest token first."""
    valuation, advice = standing.valuation, standing.advice
    snapshot, portfolio = valuation.snapshot, valuation.portfolio
    rows = _rows(standing, advice.bands if advice else {})
    notes = [f"prices: {snapshot.price_source}"] if snapshot.price_source else []
    notes += gas_price_of(valuation).notes
    notes += portfolio.notes
    if advice is not None:
        timing = timing_told(advice, standing.spec) if standing.trades else None
        notes += [*advice.discipline.notes, *([timing] if timing else [])]
    if standing.record.accepted is None:
        notes.append("no journal, so prices are not held to those of an earlier look")
        if standing.record.before is None and any(
            isinstance(leaf, Calendar) for _, leaf in leaves(standing.spec.when)
        ):
            notes.append("no journal, so calendars count from this look, and none fires")
    else:
        notes += [f"{OVERRULED}{fault}" for fault in standing.record.accepted.overruled]
    if (flight := standing.record.after.flight) is not None and not standing.record.decision.fires:
        notes.append(
            f"in flight since {flight.at.isoformat()}, until `send --journal` or `plan --journal` ends it"
        )
    if portfolio.cash_flows:
        notes.append("weights and drift are those after the cash flows")
    return StatusFile.of(
        chain_id=snapshot.chain_id,
        block_number=snapshot.block_number,
        owner=portfolio.owner,
        numeraire=snapshot.numeraire,
        value=valuation.value(valuation.tradable),
        tokens=tuple(sorted(rows, key=lambda row: -max(row.weight or 0.0, float(row.target)))),
        max_drift_bps=standing.drift.of(DriftKind.ABSOLUTE) * BPS,
        tolerance_bps=portfolio.tolerance_bps,
        drifts=_drifts(standing.drift),
        due=standing.record.decision.fires,
        trigger=_trigger(standing),
        judgement=judgement_of(standing.judgement) if standing.judgement else None,
        verdict="trade" if standing.trades else "hold",
        reason=standing.reason,
        notes=tuple(notes),
    )


def _rows(standing: Standing, bands: Mapping[Address, Band]) -> list[StatusRow]:
    valuation = standing.valuation
    snapshot, portfolio = valuation.snapshot, valuation.portfolio
    weights, relative = standing.record.observation.weights, standing.drift.relative
    rows = []
    for place, token in enumerate(valuation.tokens):
        raw, band = portfolio.holdings.get(token, 0), bands.get(token)
        rows.append(
            StatusRow.of(
                token=token,
                symbol=snapshot.tokens[token].symbol,
                raw=raw,
                amount=format_amount(raw, snapshot.tokens[token].decimals),
                price=valuation.price_texts.get(token),
                value=valuation.value({token: raw}),
                weight=weights[place],
                target=format_amount(portfolio.targets_wad.get(token, 0), _WEIGHT_DECIMALS),
                drift_bps=float(standing.drift.deviation[place]) * BPS,
                drift_value=float(standing.drift.money[place]),
                relative_drift=_known(float(relative[place])),
                trigger_bps=None if band is None else band.trigger * BPS,
                landing_bps=None if band is None else band.landing * BPS,
            )
        )
    return rows


def _drifts(drift: Drift) -> tuple[DriftEntry, ...]:
    found = []
    for kind in DriftKind:
        known = kind is not DriftKind.TRACKING_ERROR or drift.covariance is not None
        value = _known(drift.of(kind)) if known else None
        money = None if value is None else drift.money_of(kind)
        found.append(DriftEntry.of(measure=kind.value, value=value, numeraire=money))
    return tuple(found)


def _trigger(standing: Standing) -> TriggerEntry:
    decision = standing.record.decision
    due = next_due(standing.spec, standing.record.after, standing.record.now, decision.reasons)
    return TriggerEntry.of(
        fires=decision.fires,
        reasons=tuple(reason.value for reason in decision.reasons),
        causes=decision.causes,
        readings=tuple(
            ReadingEntry.of(
                place=each.place, measure=each.measure.value, drift=_known(each.drift), band=each.band
            )
            for each in decision.readings
        ),
        at=decision.at.isoformat(),
        next_due=_iso(due.at),
        next_slot=_iso(due.slot),
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _known(value: float) -> float | None:
    return value if isfinite(value) else None

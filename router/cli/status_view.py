"""Where a portfolio stands, on one screen."""

from __future__ import annotations

from collections.abc import Iterable

import click

from router.cli.console import print_table, say
from router.cli.views import amount, money, percent, show_judgement
from router.documents.status_models import DriftEntry, StatusFile, TriggerEntry
from router.fixed_point import BPS
from router.plan import Judgement
from router.snapshot import Snapshot

NAMES = {"tracking_error": "tracking error"}


def show_status(status: StatusFile, judgement: Judgement | None, market: Snapshot) -> None:
    """Holdings with drift and bands, every sense of drift, the trigger, and the verdict."""
    tokens = market.tokens
    banded = any(row.trigger_bps is not None for row in status.tokens)
    columns = ["token", "amount", "price", "value", "weight", "target", "drift bp", "of target"]
    print_table(
        f"Portfolio at block {market.block_number}",
        [*columns, *(["trigger bp", "landing bp"] if banded else [])],
        [
            (
                row.symbol,
                amount(row.raw, tokens[row.token]),
                row.price or "none",
                "" if row.value is None else money(row.value),
                percent(row.weight or 0.0),
                percent(float(row.target)),
                "" if row.drift_bps is None else f"{row.drift_bps:+.1f}",
                "" if row.relative_drift is None else f"{row.relative_drift:.2%}",
                *((_bps(row.trigger_bps), _bps(row.landing_bps)) if banded else ()),
            )
            for row in status.tokens
        ],
    )
    symbol = tokens[status.numeraire].symbol
    click.echo(f"value {money(status.value)} {symbol}; drift: {_drifts(status.drifts)}")
    click.echo(_trigger(status.trigger))
    if judgement is not None:
        show_judgement(judgement, tokens, status.value)
    click.echo(f"{status.verdict}: {_why(status, judgement)}")
    for note in status.notes:
        say(f"note: {note}", markup=False)


def _bps(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _drifts(drifts: Iterable[DriftEntry]) -> str:
    """Each with its name, for people mix them up, and in money."""
    known = (each for each in drifts if each.value is not None)
    return ", ".join(
        f"{NAMES.get(each.measure, each.measure)} "
        + (f"{each.value:.2%}" if each.measure == "relative" else f"{(each.value or 0) * BPS:.1f} bp")
        + f" ({money(each.numeraire or 0)})"
        for each in known
    )


def _trigger(trigger: TriggerEntry) -> str:
    state = "fires" if trigger.fires else f"does not fire ({', '.join(trigger.reasons)})"
    readings = [
        f"{NAMES.get(each.measure, each.measure)} drift "
        f"{'unbounded' if each.drift is None else f'{each.drift:.2%}'} of {each.band:.2%} allowed"
        for each in trigger.readings
    ]
    due = trigger.next_slot if trigger.fires else trigger.next_due or trigger.next_slot
    return "; ".join([f"trigger {state}", *readings, *([f"next date {due}"] if due else [])])


def _why(status: StatusFile, judgement: Judgement | None) -> str:
    """The trigger's word where it holds back, else the judgement's."""
    if not status.due:
        return f"the trigger does not fire: {status.reason}"
    return judgement.explanation if judgement is not None else status.reason

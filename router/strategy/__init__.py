"""When to rebalance, to what, and whether it pays: pure functions of portfolio, prices, costs and time.

Here stand the names of drift and triggers, which every command needs; what pulls in a solver or an estimator
is imported from its own module.
"""

from router.strategy.drift import Drift, DriftKind, drift_of
from router.strategy.journal import Record, Replay, replay, tick
from router.strategy.machine import NextDue, advance, next_due
from router.strategy.observation import Observation
from router.strategy.schedule import Cron, Interval
from router.strategy.state import TriggerDecision, TriggerState, arm, completed, failed, rearm
from router.strategy.triggers import (
    AllOf,
    AnyOf,
    Calendar,
    Gates,
    Reason,
    Threshold,
    TriggerSpec,
)

__all__ = [
    "AllOf",
    "AnyOf",
    "Calendar",
    "Cron",
    "Drift",
    "DriftKind",
    "Gates",
    "Interval",
    "NextDue",
    "Observation",
    "Reason",
    "Record",
    "Replay",
    "Threshold",
    "TriggerDecision",
    "TriggerSpec",
    "TriggerState",
    "advance",
    "arm",
    "completed",
    "drift_of",
    "failed",
    "next_due",
    "rearm",
    "replay",
    "tick",
]

"""Runs of one or several policies on the same prices, targets and costs."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from router.backtest.event_driven import run_event_driven
from router.backtest.policies import NamedPolicy, Policy, policy_of
from router.backtest.result import Result
from router.backtest.study import Backtest
from router.backtest.vectorised import run_vectorised
from router.errors import InputError, Unaffordable


class Engine(StrEnum):
    """auto: vectorised for the policies that it knows, else event-driven."""

    AUTO = "auto"
    EVENT_DRIVEN = "event_driven"
    VECTORISED = "vectorised"


def run(study: Backtest, policy: Policy | str, engine: Engine = Engine.AUTO) -> Result:
    """What a policy would have come to.

    Raises:
        InputError: no policy is called so, or the vectorised engine does not know it.
        Unaffordable: even the first purchase costs more than there is.
    """
    chosen = policy_of(policy) if isinstance(policy, str) else policy
    if isinstance(chosen, NamedPolicy) and engine is not Engine.EVENT_DRIVEN:
        ledger = run_vectorised(study, chosen)
    elif engine is Engine.VECTORISED:
        raise InputError(f"the vectorised engine does not know {chosen.name}", path="engine")
    else:
        ledger = run_event_driven(study, chosen)
    if ledger.stop and not len(ledger.rows):
        hint = (
            "" if study.convention == "net_of_fee" else "; leave a share in cash, or size trades net_of_fee"
        )
        raise Unaffordable(f"{chosen.name}: the first purchase is {ledger.stop.reason}{hint}", path="targets")
    return Result(study, chosen.name, ledger)


def compare(
    study: Backtest, policies: Iterable[Policy | str], engine: Engine = Engine.AUTO
) -> tuple[Result, ...]:
    """One run for each policy, in their order."""
    return tuple(run(study, policy, engine) for policy in policies)

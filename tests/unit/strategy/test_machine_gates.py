"""Gates: each holds, names itself and opens, and none loses a cause."""

import pytest

from router.errors import InputError
from router.strategy.triggers import AllOf, AnyOf, Reason
from tests.unit.strategy.trigger_cases import HOUR, OUT, Run, at, band, every, seen


def test_each_gate_holds_names_itself_and_opens():
    run = Run(band(0.1), cooldown=HOUR, min_trade=100.0, gas_ceiling_wei=50, max_price_age=HOUR)
    run.done(0)

    def look(hour, nav=1000.0, gas=50, age=1.0, drift=0.25):
        times = (at(hour - age), at(hour))
        return run.tick(hour, seen(drift, nav=nav, gas_price_wei=gas, priced_at=times))

    assert look(0.5).reasons == (Reason.COOLDOWN,)
    assert look(0.6, gas=51).reasons == (Reason.COOLDOWN, Reason.GAS_ABOVE_CEILING)
    assert look(1, nav=399.0).reasons == (Reason.TRADE_BELOW_MINIMUM,)
    decision = look(1.5, age=1.001)
    assert decision.reasons == (Reason.PRICES_STALE,)
    assert decision.causes == ("trigger#1",)
    assert look(2, nav=400.0, gas=50, age=1.0).fires


def test_cause_that_a_gate_held_fires_when_the_gate_opens_if_it_still_holds():
    run = Run(band(0.1), cooldown=4 * HOUR)
    run.done(0)
    assert run.tick(1, OUT).causes == ("trigger#1",)
    decision = run.tick(4, OUT)
    assert (decision.fires, decision.causes) == (True, ("trigger#1",))


def test_stale_prices_leave_a_look_open():
    run = Run(AllOf((every(6), band(0.1))), max_price_age=HOUR)
    old, new = ((at(3), at(6)), (at(7), at(7)))
    assert run.tick(6, seen(0.25, priced_at=old)).reasons == (Reason.PRICES_STALE,)
    assert run.tick(7, seen(0.25, priced_at=new)).fires


def test_stale_prices_are_no_reason_where_the_calendar_alone_decides():
    run = Run(AllOf((every(6), band(0.1))), max_price_age=HOUR)
    assert run.tick(5, seen(0.25, priced_at=(at(1), at(1)))).reasons == (Reason.BEFORE_SLOT,)


@pytest.mark.parametrize("kind", [AllOf, AnyOf])
def test_stale_prices_at_first_are_the_reason_though_no_cause_is_known(kind):
    run = Run(kind((band(0.1), band(0.2))), max_price_age=HOUR)
    decision = run.tick(5, seen(0.25, priced_at=(at(1), at(1))))
    assert (decision.reasons, decision.causes) == ((Reason.PRICES_STALE,), ())


def test_stale_prices_neither_begin_nor_end_an_episode():
    run = Run(band(0.1), max_price_age=HOUR, cooldown=9 * HOUR)
    run.done(0)
    assert run.tick(1, seen(0.25, priced_at=(at(1), at(1)))).causes == ("trigger#1",)
    assert run.tick(3, seen(0.0, priced_at=(at(1), at(1)))).causes == ("trigger#1",)
    assert run.tick(4, seen(0.0, priced_at=(at(4), at(4)))).causes == ()


@pytest.mark.parametrize(
    ("gates", "says"),
    [
        ({"gas_ceiling_wei": 1}, "gas_price_wei"),
        ({"min_trade": 1.0}, "nav"),
        ({"max_price_age": HOUR}, "priced_at"),
    ],
)
def test_gate_without_its_figure_is_refused(gates, says):
    run = Run(band(0.1), **gates)
    before = run.state
    with pytest.raises(InputError, match=says):
        run.tick(1, OUT)
    assert run.state == before

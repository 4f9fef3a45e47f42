"""Splits a basket over pools until the marginal rates of all used paths agree, by a primal-dual
interior-point method.

    maximise V   subject to   held_i - sum_out x_e + sum_in y_e(x_e) = weight_i V + spare_i,
                              0 <= x_e <= limit_e,   spare_i >= 0

y_e is the concave curve of one direction of one pool. The multiplier u_i of a token is its price relative to
its reference price: a pool in use trades until its marginal rate is u_in / u_out, which equalises marginal
rates over parallel pools and paths. Each step solves one linear system on the token graph. The problem is
that of Angeris et al. 2022 (arXiv 2204.05238); the method that of Wright, Primal-Dual Interior-Point Methods
(1997), chapter 8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, log

from router.optimiser.curve import Curve
from router.optimiser.elimination import solve_on_graph
from router.optimiser.market import Edge, Flow, Goal, Market

CENTRING = 0.15
"""Share of the complementarity gap that each step aims to leave."""
GAP = 1e-12
"""Complementarity at the solution, as a share of the value traded, per constraint."""
RESIDUAL = 1e-9
STRAY = 1e-9
HALVINGS = 6
LEAST_ROOM = 1e-30
LEAST_GAIN = 0.01
MAX_STEPS = 80
TO_BOUNDARY = 0.995
START_FLOW = 0.02
START_SPARE = 0.1
IDLE = 1e-7
"""Flows below this share of the value traded are the method's own dust."""


@dataclass(frozen=True, slots=True)
class Solution:
    """Flows, and the prices that explain them.

    Attributes:
        log_prices: log u per token.
        value: the value reached; every token with weight w ends with w * value plus its imbalance.
        imbalance: held + received - sent - weight * value, per token.
    """

    flows: tuple[Flow, ...]
    log_prices: tuple[float, ...]
    value: float
    imbalance: tuple[float, ...]

    @property
    def residual(self) -> float:
        return max((abs(value) for value in self.imbalance), default=0.0)


@dataclass(slots=True)
class _Point:
    """An iterate, in shares of the value traded. `low` and `high` are the multipliers of 0 <= x and x <=
    limit."""

    x: list[float]
    low: list[float]
    high: list[float]
    price: list[float]
    spare: list[float]
    value: float


@dataclass(frozen=True, slots=True)
class _Arc:
    """An edge ready for evaluation: its curve, the share of its rate that counts, its limit as a share of
    value."""

    edge: Edge
    curve: Curve
    share: float
    limit: float


def solve(market: Market, goal: Goal, *, fair: bool = False) -> Solution:
    """The best flows over all edges of the market, cycles included if the market has any worth their fees.

    Args:
        fair: scales pools that pay more than the reference prices down to those, so that no cycle pays.
    """
    scale = goal.scale
    arcs = [
        _Arc(edge, curve, min(1.0, 1 / edge.rate) if fair else 1.0, curve.limit / scale)
        for edge in market.edges
        if (curve := edge.curve) is not None
    ]
    held = [value / scale for value in goal.held]
    point = _start(arcs, held)
    state = _evaluate(point, arcs, held, goal.weights, scale)
    for _ in range(MAX_STEPS):
        if state.gap < GAP and state.worst < RESIDUAL and state.stray < STRAY:
            break
        try:
            point, state = _advance(point, state, arcs, held, goal)
        except ArithmeticError:
            break
    return _solution(point, arcs, held, goal.weights, scale)


def _advance(
    point: _Point, state: _State, arcs: list[_Arc], held: list[float], goal: Goal
) -> tuple[_Point, _State]:
    """One Newton step, halved until the optimality conditions are better met, or as short as that gets.

    Raises:
        ArithmeticError: the linear system has no finite solution.
    """
    along = _newton(point, state, arcs, goal.weights)
    share = 1.0
    for _ in range(HALVINGS):
        trial = along(share)
        tried = _evaluate(trial, arcs, held, goal.weights, goal.scale)
        if tried.merit <= (1 - LEAST_GAIN * share) * state.merit:
            break
        share /= 2
    if not isfinite(tried.merit):
        raise ArithmeticError("the step is not finite")
    return trial, tried


def _start(arcs: list[_Arc], held: list[float]) -> _Point:
    x = [min(START_FLOW, arc.limit / 3) for arc in arcs]
    tokens = len(held)
    return _Point(
        x, [0.1] * len(x), [0.1] * len(x), [1.0] * tokens, [START_SPARE] * tokens, sum(held) - START_SPARE
    )


@dataclass(frozen=True, slots=True)
class _State:
    """What the optimality conditions say about a point. `duals` is u_in's shortfall per arc, before
    multipliers."""

    rest: list[float]
    rates: list[float]
    falls: list[float]
    duals: list[float]
    gap: float
    worst: float
    stray: float

    @property
    def merit(self) -> float:
        return self.worst + self.stray + self.gap


def _evaluate(
    point: _Point, arcs: list[_Arc], held: list[float], weights: tuple[float, ...], scale: float
) -> _State:
    rest = [
        amount - spare - weight * point.value
        for amount, spare, weight in zip(held, point.spare, weights, strict=True)
    ]
    rates, falls, duals = [], [], []
    products = [price * spare for price, spare in zip(point.price, point.spare, strict=True)]
    stray = abs(1 - sum(weight * price for weight, price in zip(weights, point.price, strict=True)))
    for arc, x, low, high in zip(arcs, point.x, point.low, point.high, strict=True):
        a, b = arc.edge.source, arc.edge.sink
        paid, rate, fall = arc.curve.bend_at(x * scale)
        rates.append(rate * arc.share)
        falls.append(fall * arc.share * scale)
        rest[a] -= x
        rest[b] += arc.share * paid / scale
        duals.append(point.price[b] * rates[-1] - point.price[a])
        stray = max(stray, abs(duals[-1] + low - high))
        products += [x * low, (arc.limit - x) * high]
    gap = sum(products) / len(products)
    return _State(rest, rates, falls, duals, gap, max(abs(value) for value in rest), stray)


def _newton(
    point: _Point, state: _State, arcs: list[_Arc], weights: tuple[float, ...]
) -> Callable[[float], _Point]:
    """The step from a point, as a function of how much of it to take, 1 being as far as the bounds allow."""
    aim = CENTRING * state.gap
    terms: list[tuple[int, int, float, float]] = []
    pushes: list[float] = []
    room = [max(arc.limit - x, LEAST_ROOM) for arc, x in zip(arcs, point.x, strict=True)]
    for k, arc in enumerate(arcs):
        x = point.x[k]
        stiffness = point.price[arc.edge.sink] * state.falls[k] + point.low[k] / x + point.high[k] / room[k]
        terms.append((arc.edge.source, arc.edge.sink, 1 / stiffness, state.rates[k]))
        pushes.append((state.duals[k] + aim / x - aim / room[k]) / stiffness)
    d_price, d_value = _directions(point, terms, pushes, state.rest, weights, aim)
    return _ray(point, room, terms, pushes, d_price, d_value, aim)


def _directions(
    point: _Point,
    terms: list[tuple[int, int, float, float]],
    pushes: list[float],
    rest: list[float],
    weights: tuple[float, ...],
    aim: float,
) -> tuple[list[float], float]:
    """Price and value steps of the Newton system, with flows and spares eliminated."""
    side = [
        value - (aim / price - spare)
        for value, price, spare in zip(rest, point.price, point.spare, strict=True)
    ]
    for (a, b, _, rate), push in zip(terms, pushes, strict=True):
        side[a] -= push
        side[b] += rate * push
    diagonal = [spare / price for price, spare in zip(point.price, point.spare, strict=True)]
    plain, along = solve_on_graph(terms, diagonal, ([-value for value in side], list(weights)))
    missing = 1 - sum(weight * price for weight, price in zip(weights, point.price, strict=True))
    across = sum(weight * value for weight, value in zip(weights, along, strict=True))
    d_value = (missing - sum(weight * value for weight, value in zip(weights, plain, strict=True))) / across
    return [p + d_value * a for p, a in zip(plain, along, strict=True)], d_value


def _ray(
    point: _Point,
    room: list[float],
    terms: list[tuple[int, int, float, float]],
    pushes: list[float],
    d_price: list[float],
    d_value: float,
    aim: float,
) -> Callable[[float], _Point]:
    """Fills in the step of flows, multipliers and spares."""
    d_x = [
        push + weight * (rate * d_price[b] - d_price[a])
        for (a, b, weight, rate), push in zip(terms, pushes, strict=True)
    ]
    d_low = [(aim - low * d) / x - low for x, low, d in zip(point.x, point.low, d_x, strict=True)]
    d_high = [(aim + high * d) / space - high for space, high, d in zip(room, point.high, d_x, strict=True)]
    d_spare = [
        (aim - spare * d) / price - spare
        for price, spare, d in zip(point.price, point.spare, d_price, strict=True)
    ]
    far = min(
        _reach(point.x, d_x),
        _reach(room, [-d for d in d_x]),
        _reach(point.spare, d_spare),
        _reach(point.low, d_low),
        _reach(point.high, d_high),
        _reach(point.price, d_price),
    )

    def along(share: float) -> _Point:
        step = share * far
        return _Point(
            [v + step * d for v, d in zip(point.x, d_x, strict=True)],
            [v + step * d for v, d in zip(point.low, d_low, strict=True)],
            [v + step * d for v, d in zip(point.high, d_high, strict=True)],
            [v + step * d for v, d in zip(point.price, d_price, strict=True)],
            [v + step * d for v, d in zip(point.spare, d_spare, strict=True)],
            point.value + step * d_value,
        )

    return along


def _reach(values: list[float], changes: list[float]) -> float:
    """The largest step of at most 1 that keeps all values positive."""
    far = min(
        (-value / change for value, change in zip(values, changes, strict=True) if change < 0), default=2.0
    )
    return min(1.0, TO_BOUNDARY * far)


def _solution(
    point: _Point, arcs: list[_Arc], held: list[float], weights: tuple[float, ...], scale: float
) -> Solution:
    flows: list[Flow] = []
    net = list(held)
    for arc, x in zip(arcs, point.x, strict=True):
        if x < IDLE:
            continue
        paid = arc.share * arc.curve.at(x * scale)[0]
        flows.append(Flow(arc.edge, x * scale, paid))
        net[arc.edge.source] -= x
        net[arc.edge.sink] += paid / scale
    imbalance = tuple((n - w * point.value) * scale for n, w in zip(net, weights, strict=True))
    return Solution(
        tuple(flows), tuple(log(max(u, 1e-300)) for u in point.price), point.value * scale, imbalance
    )

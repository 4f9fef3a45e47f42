"""What a transaction did, read from its events, and how that differs from what was planned.

Events count only where they come from the pool, lender or token that the program names; the owner's balance
changes are measured, not read from events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from router.chain.calls import Log, decode_words, topic
from router.errors import InconsistentAnswer, SimulationMismatch
from router.plan import Outcome, Plan
from router.program import Borrow, Program, Swap
from router.tokens import Address

_TRANSFER = topic("Transfer(address,address,uint256)")
_V2_SWAP = topic("Swap(address,uint256,uint256,uint256,uint256,address)")
_V3_SWAP = topic("Swap(address,address,int256,int256,uint160,uint128,int24)")
_VAULT_SWAP = topic("Swap(bytes32,address,address,uint256,uint256)")
_MORPHO_LOAN = topic("FlashLoan(address,address,uint256)")
_AAVE_LOAN = topic("FlashLoan(address,address,address,uint256,uint8,uint256,uint16)")
_VAULT_LOAN = topic("FlashLoan(address,address,uint256,uint256)")
_V3_FLASH = topic("Flash(address,address,uint256,uint256,uint256,uint256)")
_WORD = 32
_MISMATCHES_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One figure that is not the plan's. Amounts are raw units.

    Attributes:
        figure: ``balance change``, ``pull``, ``swap 3 amount out``, ``premium of 0x…``.
        token: the token it counts; "" where there is none.
    """

    figure: str
    token: Address
    planned: int
    found: int

    def __str__(self) -> str:
        token = f" of {self.token}" if self.token else ""
        return f"{self.figure}{token}: planned {self.planned}, found {self.found}"


def read_outcome(
    program: Program,
    owner: Address,
    logs: Sequence[Log],
    balance_changes: Mapping[Address, int],
    gas: int | None,
) -> Outcome:
    """The outcome that the events of an `execute` tell, in the order of the program's steps.

    Raises:
        InconsistentAnswer: a step of the program left no event of its pool or lender.
    """
    return Outcome(
        swaps=tuple(_swaps(program, logs)),
        loans=tuple(_loans(program, logs)),
        pulls=_pulls(program, owner, logs),
        balance_changes={token: change for token, change in balance_changes.items() if change},
        gas=gas,
    )


def expected_outcome(plan: Plan) -> Outcome:
    """The outcome that a plan promises: its swaps, premiums, pulls and changes of holdings."""
    tokens = dict.fromkeys((*plan.holdings_before, *plan.holdings_after))
    changes = {
        token: plan.holdings_after.get(token, 0) - plan.holdings_before.get(token, 0) for token in tokens
    }
    return Outcome(
        swaps=tuple((swap.amount_in, swap.amount_out) for swap in plan.swaps),
        loans=tuple((loan.lender, loan.token, loan.premium) for loan in plan.loans),
        pulls={token: amount for token, amount in plan.pulls.items() if amount},
        balance_changes={token: change for token, change in changes.items() if change},
    )


def compare(planned: Outcome, found: Outcome) -> tuple[Mismatch, ...]:
    """Every figure that differs; gas is not one of them. Balance changes come first."""
    return (
        *_compare_amounts("balance change", planned.balance_changes, found.balance_changes),
        *_compare_amounts("pull", planned.pulls, found.pulls),
        *_compare_swaps(planned.swaps, found.swaps),
        *_compare_loans(planned.loans, found.loans),
    )


def require_equal(planned: Outcome, found: Outcome) -> None:
    """Requires an outcome to be the planned one, to the last unit.

    Raises:
        SimulationMismatch: names each token, with the planned and the simulated amount.
    """
    mismatches = compare(planned, found)
    if mismatches:
        more = len(mismatches) - _MISMATCHES_SHOWN
        rest = f"; and {more} more figures" if more > 0 else ""
        raise SimulationMismatch("; ".join(map(str, mismatches[:_MISMATCHES_SHOWN])) + rest)


def _compare_amounts(
    figure: str, planned: Mapping[Address, int], found: Mapping[Address, int]
) -> Iterator[Mismatch]:
    for token in dict.fromkeys((*planned, *found)):
        if planned.get(token, 0) != found.get(token, 0):
            yield Mismatch(figure, token, planned.get(token, 0), found.get(token, 0))


def _compare_swaps(
    planned: Sequence[tuple[int, int]], found: Sequence[tuple[int, int]]
) -> Iterator[Mismatch]:
    if len(planned) != len(found):
        yield Mismatch("number of swaps", "", len(planned), len(found))
        return
    for place, (ours, theirs) in enumerate(zip(planned, found, strict=True)):
        for name, left, right in zip(("in", "out"), ours, theirs, strict=True):
            if left != right:
                yield Mismatch(f"swap {place} amount {name}", "", left, right)


def _compare_loans(
    planned: Sequence[tuple[Address, Address, int]], found: Sequence[tuple[Address, Address, int]]
) -> Iterator[Mismatch]:
    left = {(lender, token): premium for lender, token, premium in planned}
    right = {(lender, token): premium for lender, token, premium in found}
    if len(planned) != len(found):
        yield Mismatch("number of loans", "", len(planned), len(found))
    for lender, token in dict.fromkeys((*left, *right)):
        key = (lender, token)
        if left.get(key, 0) != right.get(key, 0):
            yield Mismatch(f"premium of {lender}", token, left.get(key, 0), right.get(key, 0))


# --- swaps ---


def _swaps(program: Program, logs: Sequence[Log]) -> Iterator[tuple[int, int]]:
    """Amounts of each Swap step: the next event, in order, of that step's pool."""
    remaining = list(logs)
    for index, step in enumerate(program.steps):
        if not isinstance(step, Swap):
            continue
        for place, log in enumerate(remaining):
            amounts = _swap_amounts(step, log)
            if amounts is not None:
                del remaining[: place + 1]
                yield amounts
                break
        else:
            raise InconsistentAnswer(f"step {index}: {step.kind} {step.pool} has emitted no swap")


def _swap_amounts(step: Swap, log: Log) -> tuple[int, int] | None:
    if not log.topics or log.address != (step.vault or step.pool):
        return None
    first, what = log.topics[0], f"swap event of {step.pool}"
    forward = step.token_in < step.token_out
    if step.vault:
        if first != _VAULT_SWAP or "0x" + log.topics[1].hex() != step.pool_id:
            return None
        amount_in, amount_out = decode_words(("uint256", "uint256"), log.data, what)
        return amount_in, amount_out
    if first == _V2_SWAP:
        in0, in1, out0, out1 = decode_words(("uint256",) * 4, log.data, what)
        return (in0, out1) if forward else (in1, out0)
    if first == _V3_SWAP:
        amount0, amount1, *_ = decode_words(
            ("int256", "int256", "uint160", "uint128", "int24"), log.data, what
        )
        return (amount0, -amount1) if forward else (amount1, -amount0)
    return None


# --- loans ---


def _loans(program: Program, logs: Sequence[Log]) -> Iterator[tuple[Address, Address, int]]:
    premiums = _premiums(logs)
    for index, step in enumerate(program.steps):
        if not isinstance(step, Borrow):
            continue
        for place, (token, _) in enumerate(step.amounts):
            known = premiums.get((step.lender, _premium_key(step, place)))
            if not known:
                raise InconsistentAnswer(
                    f"step {index}: {step.kind} {step.lender} has emitted no loan of {token}"
                )
            yield step.lender, token, known.pop(0)


def _premium_key(step: Borrow, place: int) -> str:
    """Lenders name the token in their event; a Uniswap v3 pool tells its two sides, lower address first."""
    if step.kind != "uniswap_v3":
        return step.amounts[place][0]
    return str(place) if len(step.amounts) == 2 else "only"


def _premiums(logs: Sequence[Log]) -> dict[tuple[Address, str], list[int]]:
    """Premiums in order, by lender and token; Uniswap v3 flashes by lender and side."""
    found: dict[tuple[Address, str], list[int]] = defaultdict(list)
    for log in logs:
        if not log.topics:
            continue
        first, what = log.topics[0], f"loan event of {log.address}"
        if first == _MORPHO_LOAN and len(log.topics) == 3:
            found[log.address, _topic_address(log, 2)].append(0)
        elif first == _AAVE_LOAN and len(log.topics) == 4:
            _, _, _, premium = decode_words(("address", "uint256", "uint8", "uint256"), log.data, what)
            found[log.address, _topic_address(log, 2)].append(premium)
        elif first == _VAULT_LOAN and len(log.topics) == 3:
            _, fee = decode_words(("uint256", "uint256"), log.data, what)
            found[log.address, _topic_address(log, 2)].append(fee)
        elif first == _V3_FLASH:
            amount0, _, paid0, paid1 = decode_words(("uint256",) * 4, log.data, what)
            found[log.address, "0"].append(paid0)
            found[log.address, "1"].append(paid1)
            found[log.address, "only"].append(paid0 if amount0 else paid1)
    return found


# --- pulls ---


def _pulls(program: Program, owner: Address, logs: Sequence[Log]) -> dict[Address, int]:
    """What left the owner's account: the executor moves it by transferFrom only."""
    tokens = {bounds.token for bounds in program.tokens}
    pulls: dict[Address, int] = defaultdict(int)
    for log in logs:
        is_transfer = log.address in tokens and len(log.topics) == 3 and log.topics[0] == _TRANSFER
        if is_transfer and _topic_address(log, 1) == owner:
            pulls[log.address] += int.from_bytes(log.data, "big")
    return {token: amount for token, amount in pulls.items() if amount}


def _topic_address(log: Log, place: int) -> Address:
    return "0x" + log.topics[place][-20:].hex()

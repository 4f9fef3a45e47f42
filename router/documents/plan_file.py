"""Plans to JSON and back: `rebalance-plan/1`. The payload's bytes are what is executed, so they decide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router.documents.files import read_document, write_json
from router.documents.located import location, validate
from router.documents.plan_models import PlanFile
from router.encoder import decode
from router.errors import InputError, RouterError
from router.plan import (
    Certificate,
    Cost,
    Exclusion,
    GapParts,
    Judgement,
    Plan,
    PlannedLoan,
    PlannedSwap,
    Verdict,
)
from router.program import Program, Swap
from router.tokens import format_amount, parse_amount

_WEIGHT_DECIMALS = 18
NET_ROUNDING = 1e-9
"""How far a sum in a file may be off its parts, as a share of the largest."""


def plan_to_json(plan: Plan, payload: bytes | None) -> dict[str, Any]:
    """The JSON form of a plan; `payload` is the encoded program, None where nothing is to be executed."""
    return PlanFile.model_validate(
        {
            "chain_id": plan.chain_id,
            "block_number": plan.block_number,
            "snapshot_hash": plan.snapshot_hash,
            "owner": plan.owner,
            "settlement": plan.settlement,
            "verdict": plan.verdict.value,
            "reason": plan.reason,
            "steps": [_fields(swap) for swap in plan.swaps],
            "loans": [_fields(loan) for loan in plan.loans],
            "pulls": [{"token": token, "amount": amount} for token, amount in plan.pulls.items()],
            "bounds": None if plan.program is None else bounds_of(plan.program),
            "holdings_before": dict(plan.holdings_before),
            "holdings_after": dict(plan.holdings_after),
            "targets": {token: _weight(wad) for token, wad in plan.targets_wad.items()},
            "tolerance_bps": plan.tolerance_bps,
            "landing": plan.landing,
            "bands": {token: (_weight(least), _weight(most)) for token, (least, most) in plan.bands.items()},
            "reserved": dict(plan.reserved),
            "excluded": [_fields(each) for each in plan.excluded],
            "prices": dict(plan.prices),
            "value_before": plan.value_before,
            "value_after": plan.value_after,
            "cost": _fields(plan.cost),
            "gas_estimate": plan.gas_estimate,
            "payload": None if payload is None else f"0x{payload.hex()}",
            "notes": list(plan.notes),
            "judgement": None if plan.judgement is None else judgement_of(plan.judgement),
        }
        | _certificate_fields(plan.certificate)
    ).to_json()


def save_plan(plan: Plan, payload: bytes | None, path: Path | str) -> None:
    """Writes the plan file, whole or not at all."""
    write_json(plan_to_json(plan, payload), Path(path))


def load_plan(path: Path | str) -> tuple[Plan, bytes | None]:
    """The plan of a file and its payload.

    Raises:
        InputError: malformed, or bounds or steps that are not those of the payload.
    """
    path = Path(path)
    return build_plan(validate(PlanFile, read_document(path), path.name), path.name)


def build_plan(file: PlanFile, name: str) -> tuple[Plan, bytes | None]:
    """The plan that a checked file describes; `name` starts every error."""
    payload = None if file.payload is None else bytes.fromhex(file.payload[2:])
    program = None if payload is None else _program(payload, file, name)
    plan = Plan(
        chain_id=file.chain_id,
        block_number=file.block_number,
        owner=file.owner,
        swaps=tuple(PlannedSwap(**_entry(step)) for step in file.steps),
        loans=tuple(PlannedLoan(**_entry(loan)) for loan in file.loans),
        pulls={pull.token: pull.amount for pull in file.pulls},
        program=program,
        holdings_before=file.holdings_before,
        holdings_after=file.holdings_after,
        targets_wad={
            token: _wad(text, location(name, "targets", token)) for token, text in file.targets.items()
        },
        prices=file.prices,
        value_before=file.value_before,
        value_after=file.value_after,
        cost=Cost(**_entry(file.cost)),
        gas_estimate=file.gas_estimate,
        verdict=Verdict(file.verdict),
        reason=file.reason,
        snapshot_hash=file.snapshot_hash,
        settlement=file.settlement,
        notes=file.notes,
        tolerance_bps=file.tolerance_bps,
        landing=file.landing,
        bands={token: _band(*texts, location(name, "bands", token)) for token, texts in file.bands.items()},
        certificate=_certificate(file, name),
        excluded=tuple(Exclusion(**_entry(each)) for each in file.excluded),
        reserved=file.reserved,
        judgement=_judgement(file, name),
    )
    return plan, payload


def _weight(wad: int) -> str:
    return format_amount(wad, _WEIGHT_DECIMALS)


def _wad(text: str, path: str) -> int:
    try:
        return parse_amount(text, _WEIGHT_DECIMALS)
    except InputError:
        raise InputError(f"weight {text} has more than {_WEIGHT_DECIMALS} decimals", path=path) from None


def _band(least: str, most: str, path: str) -> tuple[int, int]:
    band = _wad(least, path), _wad(most, path)
    if band[0] > band[1]:
        raise InputError(f"the least weight {least} is above the most, {most}", path=path)
    return band


def judgement_of(judgement: Judgement) -> dict[str, Any]:
    """As in a file."""
    fields = _fields(judgement) | {"net_bps": judgement.net_bps}
    return fields | {"landing": {token: _weight(wad) for token, wad in fields.pop("landing_wad").items()}}


def _judgement(file: PlanFile, name: str) -> Judgement | None:
    if file.judgement is None:
        return None
    fields = dict(_entry(file.judgement))
    told, landing = fields.pop("net_bps"), fields.pop("landing")
    path = location(name, "judgement", "landing")
    found = Judgement(**fields, landing_wad={token: _wad(text, path) for token, text in landing.items()})
    if abs(found.net_bps - told) > NET_ROUNDING * max(1.0, found.avoided_bps, found.cost_bps):
        raise InputError(
            f"is {told}, but the parts make {found.net_bps}", path=location(name, "judgement", "net_bps")
        )
    return found


def _certificate_fields(certificate: Certificate | None) -> dict[str, Any]:
    """Flat, as in the file; without a certificate every figure is null."""
    if certificate is None:
        return {"upper_bound": None, "gap_bps": None, "dual_prices": {}}
    fields = {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in _fields(certificate).items()
    }
    return fields | {"gap_parts": _fields(fields.pop("parts"))}


def _certificate(file: PlanFile, name: str) -> Certificate | None:
    if file.upper_bound is None:
        return None

    def given(key: str) -> Any:
        if (value := getattr(file, key)) is None:
            raise InputError("is missing beside upper_bound", path=location(name, key))
        return value

    return Certificate(
        upper_bound=file.upper_bound,
        dual_prices=file.dual_prices,
        net_bound=given("net_bound"),
        net_dual_prices=file.net_dual_prices,
        gap_bps=given("gap_bps"),
        parts=GapParts(**_entry(given("gap_parts"))),
        arbitrage=given("arbitrage"),
        arbitrage_prices=file.arbitrage_prices,
        pool_gas=file.pool_gas,
        base_gas=given("base_gas"),
        tick_gas=file.tick_gas,
        proven_net_bound=file.proven_net_bound,
    )


def _program(payload: bytes, file: PlanFile, name: str) -> Program:
    """The payload's program, after checking that the file tells the same."""
    try:
        program = decode(payload)
    except RouterError as error:
        raise InputError(f"cannot be decoded: {error}", path=location(name, "payload")) from None
    told = file.bounds.model_dump() if file.bounds else None
    if told is None or told != bounds_of(program) | {"tokens": tuple(bounds_of(program)["tokens"])}:
        raise InputError("are not the bounds that the payload enforces", path=location(name, "bounds"))
    swaps = {index: step for index, step in enumerate(program.steps) if isinstance(step, Swap)}
    for place, step in enumerate(file.steps):
        swap = swaps.pop(step.index, None)
        told_swap = (step.kind, step.pool, step.token_in, step.token_out)
        if swap is None or told_swap != (swap.kind, swap.pool, swap.token_in, swap.token_out):
            raise InputError("is not the swap of the payload", path=location(name, "steps", place))
    if swaps:
        raise InputError(f"lack the payload's swaps {sorted(swaps)}", path=location(name, "steps"))
    return program


def bounds_of(program: Program) -> dict[str, Any]:
    """The bounds that a program enforces, in the form of a plan file."""
    return {
        "tokens": [_fields(bounds) for bounds in program.tokens],
        "min_value_change_e36": program.min_value_change_e36,
        "deadline": program.deadline,
        "first_block": program.first_block,
        "last_block": program.last_block,
    }


def _fields(value: Any) -> dict[str, Any]:
    """A slotted dataclass as a dict, one level deep."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _entry(model: Any) -> Mapping[str, Any]:
    return {name: getattr(model, name) for name in type(model).model_fields}

"""The demonstration's report, `rebalance-report/1`: planned, simulated and executed, and what was refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router.documents.fields import AddressText, Count, FileModel, HexText, Number, RawAmount, SignedAmount
from router.documents.outputs import ChainId, Check, Revert
from router.documents.plan_models import CostEntry, LoanEntry


class WeightRow(FileModel):
    """One token's share of the portfolio, of 1."""

    token: AddressText
    symbol: str
    before: Number
    target: Number
    after: Number


class ThreeAmounts(FileModel):
    """One token's net change for the owner, three times; the three are equal as integers."""

    token: AddressText
    symbol: str
    planned: SignedAmount
    simulated: SignedAmount
    executed: SignedAmount
    equal: bool


class ThreeGas(FileModel):
    """Gas units of the whole transaction."""

    planned: Count
    simulated: Count
    used: Count


class RunReport(FileModel):
    """One rebalance that landed."""

    name: str
    settlement: Literal["pull-first", "deliver-first"]
    loan: Literal["auto", "always", "never"]
    block_number: Count
    weights: tuple[WeightRow, ...]
    amounts: tuple[ThreeAmounts, ...]
    gas: ThreeGas
    effective_gas_price_wei: RawAmount
    loans: tuple[LoanEntry, ...]
    cost: CostEntry
    value_before: Number
    value_after: Number
    net_bound: Number | None = None
    gap_bps: Number | None = None
    transactions: tuple[HexText, ...]
    verification: tuple[Check, ...]


class RefusalReport(FileModel):
    """One refusal. `balances_unchanged` compares every balance of the owner before and after."""

    name: str
    refused_by: Literal["simulation", "executor"]
    exit_code: Count
    error: str
    message: str
    revert: Revert | None = None
    transaction: HexText | None = None
    balances_unchanged: bool


class ReportFile(FileModel):
    """build/demo/report.json."""

    schema_: Annotated[Literal["rebalance-report/1"], Field(alias="schema")] = "rebalance-report/1"
    chain_id: ChainId
    owner: AddressText
    executor: AddressText
    numeraire: AddressText
    runs: tuple[RunReport, ...]
    refusals: tuple[RefusalReport, ...]
    seconds: Number

"""What the commands print with `--json`, one model each. Addresses are lower-case, amounts are text."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from router.documents.fields import (
    AddressText,
    Count,
    FileModel,
    HexText,
    Number,
    RawAmount,
    SignedAmount,
)

ChainId = Annotated[int, Field(strict=True, gt=0)]


class BalanceChange(FileModel):
    """The owner's gain or loss of one token; `numeraire` is null where the token has no price."""

    token: AddressText
    symbol: str
    raw: SignedAmount
    numeraire: Number | None


class AmountRow(FileModel):
    """One token's net change for the owner: as planned, and as found."""

    token: AddressText
    symbol: str
    planned: SignedAmount
    found: SignedAmount
    equal: bool


class Revert(FileModel):
    """A decoded revert. `name` and `arguments` are those of the Solidity error; `data` is the raw bytes."""

    name: str
    arguments: Annotated[dict[str, Any], Field(default_factory=dict)]
    message: str
    step: Count | None = None
    data: HexText = "0x"


class SimulationFile(FileModel):
    """A payload run in process on one block; `equal` says that every amount is the plan's."""

    schema_: Annotated[Literal["rebalance-simulation/1"], Field(alias="schema")] = "rebalance-simulation/1"
    chain_id: ChainId
    block_number: Count
    block_hash: HexText
    payload_hash: HexText
    equal: bool
    amounts: tuple[AmountRow, ...]
    balance_changes: tuple[BalanceChange, ...]
    gas_planned: Count
    gas: Count | None
    revert: Revert | None = None


class Check(FileModel):
    """One thing looked at, and what was found."""

    name: str
    ok: bool
    found: str = ""


class ReceiptFile(FileModel):
    """A rebalance on chain, verified."""

    schema_: Annotated[Literal["rebalance-receipt/1"], Field(alias="schema")] = "rebalance-receipt/1"
    chain_id: ChainId
    transactions: Annotated[tuple[HexText, ...], Field(description="approvals first, the rebalance last")]
    block_number: Count
    block_hash: HexText
    gas_used: Count
    effective_gas_price_wei: RawAmount
    amounts: tuple[AmountRow, ...]
    balance_changes: tuple[BalanceChange, ...]
    verification: tuple[Check, ...]


class ErrorFile(FileModel):
    """A command that failed. `error` is the class of `router.errors`."""

    schema_: Annotated[Literal["rebalance-error/1"], Field(alias="schema")] = "rebalance-error/1"
    error: str
    message: str
    path: str = ""
    nearest: str | None = None
    exit_code: Annotated[int, Field(ge=1, le=255)]
    revert: Revert | None = None


class PoolRow(FileModel):
    """One pool. `depth`: numeraire value of its first token that it takes within 1 % of its price."""

    kind: str
    address: AddressText
    tokens: tuple[AddressText, ...]
    symbols: tuple[str, ...]
    fee_pips: Count
    depth: Number | None = None


class PoolsFile(FileModel):
    """The pools of a snapshot."""

    schema_: Annotated[Literal["rebalance-pools/1"], Field(alias="schema")] = "rebalance-pools/1"
    chain_id: ChainId
    block_number: Count
    pools: tuple[PoolRow, ...]


class DoctorFile(FileModel):
    """What this machine and the node can do."""

    schema_: Annotated[Literal["rebalance-doctor/1"], Field(alias="schema")] = "rebalance-doctor/1"
    ok: bool
    checks: tuple[Check, ...]


class FilesFile(FileModel):
    """The files that a command wrote."""

    schema_: Annotated[Literal["rebalance-files/1"], Field(alias="schema")] = "rebalance-files/1"
    files: tuple[str, ...]


class SchemasFile(FileModel):
    """What each schema describes, by name."""

    schema_: Annotated[Literal["rebalance-schemas/1"], Field(alias="schema")] = "rebalance-schemas/1"
    schemas: dict[str, str]


class LocalnetFile(FileModel):
    """A local chain that is running."""

    schema_: Annotated[Literal["rebalance-localnet/1"], Field(alias="schema")] = "rebalance-localnet/1"
    rpc_url: str
    chain_id: ChainId
    owner: AddressText
    deployment: str = ""

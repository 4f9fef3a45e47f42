"""Loading and saving snapshots: `rebalance-snapshot/1`, `.json` or `.json.gz`."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from router.documents.files import canonical_json, read_document, write_json
from router.documents.located import location, validate
from router.documents.snapshot_models import SnapshotFile
from router.errors import InputError
from router.lenders.registry import lender_from_state
from router.pools.base import Pool
from router.pools.registry import UNROUTED_KINDS, pool_from_state
from router.snapshot import Snapshot
from router.tokens import Address, Token


@dataclass(frozen=True, slots=True)
class LoadedSnapshot:
    """A snapshot, and what the file held beside it.

    Attributes:
        not_routed: how many pools were dropped, by kind, because this package does not trade them.
        note: the file's own note for people.
    """

    snapshot: Snapshot
    not_routed: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


def load_snapshot(path: Path | str) -> Snapshot:
    """The snapshot of a file; see `load_snapshot_file`."""
    return load_snapshot_file(path).snapshot


def load_snapshot_file(path: Path | str) -> LoadedSnapshot:
    """Reads and checks a snapshot file.

    Raises:
        InputError: names the place, e.g. ``snapshot.json: pools[17].reserves[0]``.
    """
    path = Path(path)
    return build_snapshot(validate(SnapshotFile, read_document(path), path.name), path.name)


def build_snapshot(file: SnapshotFile, name: str) -> LoadedSnapshot:
    """The snapshot that a checked file describes; `name` starts every error."""
    tokens = _tokens(file, name)
    _require_known([file.native_token], tokens, name, "native_token")
    _require_known([file.numeraire], tokens, name, "numeraire")
    pools, seen, dropped = [], set[Address](), Counter[str]()
    gas_costs: dict[Address, int] = {}
    for index, entry in enumerate(file.pools):
        _require_known(entry.tokens, tokens, name, "pools", index, "tokens")
        if entry.address in seen:
            raise InputError(
                f"{entry.address} is listed twice", path=location(name, "pools", index, "address")
            )
        seen.add(entry.address)
        state = _state(entry) | {"decimals": [tokens[address].decimals for address in entry.tokens]}
        if entry.kind not in UNROUTED_KINDS:
            pools.append(_pool(state, location(name, "pools", index)))
            if entry.gas_cost_wei is not None:
                gas_costs[entry.address] = entry.gas_cost_wei
        else:
            dropped[entry.kind] += 1
    for index, lender in enumerate(file.lenders):
        _require_known(lender.available, tokens, name, "lenders", index, "available")
    snapshot = Snapshot(
        chain_id=file.chain_id,
        block_number=file.block_number,
        timestamp=file.timestamp,
        native_token=file.native_token,
        numeraire=file.numeraire,
        tokens=tokens,
        pools=tuple(pools),
        lenders=tuple(lender_from_state(_state(lender)) for lender in file.lenders),
        prices={entry.address: entry.price for entry in file.tokens if entry.price is not None},
        priced_at={entry.address: entry.priced_at for entry in file.tokens if entry.priced_at is not None},
        price_source=file.price_source,
        overruled=file.overruled,
        transfer_tax_bps={
            entry.address: entry.transfer_tax_bps for entry in file.tokens if entry.transfer_tax_bps
        },
        base_fee_wei=file.base_fee_wei,
        block_hash=file.block_hash,
        pool_gas_cost_wei=gas_costs,
        l1_fee_wei_per_byte=file.l1_fee_wei_per_byte,
    )
    return LoadedSnapshot(snapshot, dict(dropped), file.note)


def save_snapshot(snapshot: Snapshot, path: Path | str, note: str = "") -> None:
    """Writes the canonical file, whole or not at all; gzip when the name ends in `.gz`."""
    write_json(snapshot_to_json(snapshot) | ({"note": note} if note else {}), Path(path))


def snapshot_to_json(snapshot: Snapshot) -> dict[str, Any]:
    """The JSON form of a snapshot; keys that say nothing are left out."""
    block_hash = {"block_hash": snapshot.block_hash} if snapshot.block_hash else {}
    file = SnapshotFile.model_validate(
        block_hash
        | {
            "chain_id": snapshot.chain_id,
            "block_number": snapshot.block_number,
            "timestamp": snapshot.timestamp,
            "base_fee_wei": snapshot.base_fee_wei,
            "l1_fee_wei_per_byte": snapshot.l1_fee_wei_per_byte,
            "native_token": snapshot.native_token,
            "numeraire": snapshot.numeraire,
            "price_source": snapshot.price_source,
            "overruled": snapshot.overruled,
            "tokens": [_token_entry(snapshot, token) for token in snapshot.tokens.values()],
            "pools": [_pool_entry(snapshot, pool) for pool in snapshot.pools],
            "lenders": [lender.to_state() for lender in snapshot.lenders],
        }
    )
    return file.model_dump(mode="json", exclude_defaults=True) | {"schema": file.schema_}


def snapshot_hash(snapshot: Snapshot) -> str:
    """SHA-256, in hex, of the canonical file; equal for equal snapshots, however they were stored."""
    return hashlib.sha256(canonical_json(snapshot_to_json(snapshot))).hexdigest()


def _tokens(file: SnapshotFile, name: str) -> dict[Address, Token]:
    tokens: dict[Address, Token] = {}
    for index, entry in enumerate(file.tokens):
        if entry.address in tokens:
            raise InputError(
                f"{entry.address} is listed twice", path=location(name, "tokens", index, "address")
            )
        if (entry.priced_at or 0) > file.timestamp:
            raise InputError("is later than the snapshot", path=location(name, "tokens", index, "priced_at"))
        tokens[entry.address] = Token(file.chain_id, entry.address, entry.symbol, entry.decimals)
    return tokens


def _require_known(
    addresses: Iterable[Address], tokens: Mapping[Address, Token], name: str, *parts: str | int
) -> None:
    for address in addresses:
        if address not in tokens:
            raise InputError(f"{address} is not among the file's tokens", path=location(name, *parts))


def _state(entry: Any) -> dict[str, Any]:
    """The entry's fields as they are: ints, tuples, lower-case addresses."""
    return {key: getattr(entry, key) for key in type(entry).model_fields}


def _pool(state: Mapping[str, Any], place: str) -> Pool:
    try:
        return pool_from_state(state)
    except InputError as error:
        path = f"{place}.{error.path}" if error.path else place
        raise InputError(error.message, path=path, nearest=error.nearest) from None


def _pool_entry(snapshot: Snapshot, pool: Pool) -> dict[str, Any]:
    """Decimals stand with the tokens; empty values say nothing."""
    state = {key: value for key, value in pool.to_state().items() if key != "decimals" and value != ""}
    return state | {"gas_cost_wei": snapshot.pool_gas_cost_wei.get(pool.address)}


def _token_entry(snapshot: Snapshot, token: Token) -> dict[str, Any]:
    return {
        "address": token.address,
        "symbol": token.symbol,
        "decimals": token.decimals,
        "price": snapshot.prices.get(token.address),
        "priced_at": snapshot.priced_at.get(token.address),
        "transfer_tax_bps": snapshot.transfer_tax_bps.get(token.address, 0),
    }

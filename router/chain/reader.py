"""Reads one block of a chain into a Snapshot: tokens, pools, lenders and prices, all of the same block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from router.chain.cache import CallCache
from router.chain.discovery import discover_pools
from router.chain.feeds import MAX_FEED_AGE_SECONDS, block_time, read_prices, read_sequencer
from router.chain.head import require_chain
from router.chain.lenders import read_lenders
from router.chain.multicall import Caller, Progress
from router.chain.pools import read_pairs, read_weighted
from router.chain.rpc import RpcClient
from router.chain.ticks import read_concentrated
from router.chain.tokens import read_balances_of, read_tokens
from router.chain.view import PinnedBlock, View, check_still_there, pin_block
from router.documents.deployment import (
    BalancerPoolAddress,
    Deployment,
    UniswapV2PoolAddress,
    UniswapV3PoolAddress,
)
from router.documents.located import location, validate
from router.documents.snapshot_file import build_snapshot
from router.documents.snapshot_models import SnapshotFile
from router.errors import InconsistentAnswer, InputError, MissingCode, RpcFailure, SequencerDown
from router.snapshot import Snapshot
from router.strategy.feeds import described, find_outage, require
from router.tokens import Address, Token

AnyPoolAddress = UniswapV2PoolAddress | UniswapV3PoolAddress | BalancerPoolAddress


def read_snapshot(
    node: RpcClient | str,
    deployment: Deployment,
    block: int | str = "latest",
    tokens: Iterable[Address] | None = None,
    *,
    progress: Progress | None = None,
    cache_dir: Path | None = None,
    use_multicall3: bool = True,
    max_feed_age_seconds: int = MAX_FEED_AGE_SECONDS,
    trade_broken_market: bool = False,
) -> Snapshot:
    """All state that the planner needs, at one block fixed by its hash.

    Args:
        node: a client, or the URL of a node.
        block: a number, a tag, or a block hash.
        tokens: read only pools and balances of these, the native token and the numeraire; None takes the
            deployment's.
        progress: told what is read, calls answered, and calls in all.
        cache_dir: where answers are kept, so that an interrupted read resumes.
        max_feed_age_seconds: of answers of feeds for which the deployment has no heartbeat.
        trade_broken_market: takes stale prices, and a sequencer that is down; the snapshot tells it.

    Raises:
        ChainIdMismatch: the node serves another chain.
        MissingCode: no contract where the deployment has one.
        InconsistentAnswer: answers that cannot be true; names the contract and the call.
        Reorganised: the block left the chain during the read.
        StalePrice: an oracle's answer is too old.
        SequencerDown: the deployment's sequencer feed says so, or that it is only just back.
        RpcFailure: no answer; names the method.
    """
    with _client(node) as client:
        require_chain(client, deployment.chain_id)
        pinned = pin_block(client, block)
        cache = CallCache(cache_dir, deployment.chain_id, pinned.hash) if cache_dir else None
        helper = deployment.multicall3 if use_multicall3 else None
        caller = Caller(client, pinned.parameter, _present(client, pinned, helper), cache, progress)
        view = View(client, pinned, caller)
        try:
            with _watching(client, pinned):
                return _read(view, deployment, tokens, max_feed_age_seconds, trade_broken_market)
        except (InconsistentAnswer, MissingCode):
            if cache:
                cache.discard()
            raise
        finally:
            if cache:
                cache.close()


def read_balances(
    node: RpcClient | str, owner: Address, tokens: Iterable[Address], block: int | str = "latest"
) -> dict[Address, int]:
    """The owner's raw balance of each token at one block, zeros included."""
    with _client(node) as client:
        pinned = pin_block(client, block)
        with _watching(client, pinned):
            return read_balances_of(View(client, pinned, Caller(client, pinned.parameter)), owner, tokens)


def _read(
    view: View,
    deployment: Deployment,
    wanted: Iterable[Address] | None,
    max_feed_age_seconds: int,
    trade_broken_market: bool,
) -> Snapshot:
    outage = _outage(view, deployment)
    require(outage, trade_broken_market=trade_broken_market)
    told = {token.address: token for token in deployment.tokens}
    chosen = tuple(told) if wanted is None else tuple(wanted)
    addresses = list(dict.fromkeys((*chosen, deployment.native_token, deployment.numeraire)))
    tokens = read_tokens(view, deployment.chain_id, addresses, told)
    found = discover_pools(view, deployment.factories, addresses)
    listed = {pool.address for pool in deployment.pools}
    discovered = {pool.address for pool in found} - listed
    pools: tuple[AnyPoolAddress, ...] = (
        *deployment.pools,
        *(pool for pool in found if pool.address in discovered),
    )
    states = [
        *read_pairs(view, [pool for pool in pools if isinstance(pool, UniswapV2PoolAddress)], discovered),
        *read_concentrated(
            view, [pool.address for pool in pools if isinstance(pool, UniswapV3PoolAddress)], discovered
        ),
        *read_weighted(view, [pool for pool in pools if isinstance(pool, BalancerPoolAddress)]),
    ]
    kept = [state for state in states if set(state["tokens"]) <= set(tokens)]
    if wanted is None and len(kept) != len(states):
        _refuse_unlisted(deployment, states, tokens)
    lenders = read_lenders(view, deployment.lenders, addresses)
    prices, times, stale = read_prices(
        view,
        [told[address] for address in addresses if address in told],
        deployment.numeraire,
        max_feed_age_seconds,
    )
    require(stale, trade_broken_market=trade_broken_market)
    entries = [
        {
            "address": token.address,
            "symbol": token.symbol,
            "decimals": token.decimals,
            "price": prices.get(token.address),
            "priced_at": times.get(token.address),
        }
        for token in tokens.values()
    ]
    source = f"Chainlink feeds at block {view.block.number}" if len(prices) > 1 else "no oracle"
    state = {"tokens": entries, "pools": kept, "lenders": lenders, "price_source": source}
    state["overruled"] = described([*outage, *stale])
    return _snapshot(view.block, deployment, state)


def _outage(view: View, deployment: Deployment) -> list[SequencerDown]:
    if deployment.sequencer_feed is None:
        return []
    status = read_sequencer(view, deployment.sequencer_feed)
    fault = find_outage(status, block_time(view), timedelta(seconds=deployment.sequencer_grace_s))
    return [] if fault is None else [fault]


def _snapshot(block: PinnedBlock, deployment: Deployment, state: dict[str, Any]) -> Snapshot:
    """The snapshot, through the checks of a snapshot file: whatever those refuse, the node made up."""
    value = {
        "chain_id": deployment.chain_id,
        "block_number": block.number,
        "block_hash": block.hash,
        "timestamp": block.timestamp,
        "base_fee_wei": block.base_fee_wei,
        "native_token": deployment.native_token,
        "numeraire": deployment.numeraire,
        **state,
    }
    try:
        return build_snapshot(validate(SnapshotFile, value, deployment.name), deployment.name).snapshot
    except InputError as error:
        raise InconsistentAnswer(f"what the node answered cannot be true: {error}") from None


def _refuse_unlisted(
    deployment: Deployment, states: list[dict[str, Any]], tokens: dict[Address, Token]
) -> None:
    for index, pool in enumerate(deployment.pools):
        state = next((state for state in states if state["address"] == pool.address), None)
        strange = set(state["tokens"]) - set(tokens) if state else set()
        if strange:
            raise InputError(
                f"trades {', '.join(sorted(strange))}, not among the deployment's tokens",
                path=location(deployment.name, "pools", index),
            )


def _present(client: RpcClient, block: PinnedBlock, helper: Address | None) -> Address | None:
    """The helper, where its code stands at this block."""
    if helper is None:
        return None
    code = client.call("eth_getCode", helper, block.parameter)
    return helper if isinstance(code, str) and len(code) > 2 else None


@contextmanager
def _watching(client: RpcClient, block: PinnedBlock) -> Iterator[None]:
    """Raises Reorganised when the block left the chain meanwhile, also where that is why a call failed."""
    try:
        yield
    except RpcFailure:
        check_still_there(client, block)
        raise
    check_still_there(client, block)


@contextmanager
def _client(node: RpcClient | str) -> Iterator[RpcClient]:
    if isinstance(node, RpcClient):
        yield node
        return
    client = RpcClient(node)
    try:
        yield client
    finally:
        client.close()

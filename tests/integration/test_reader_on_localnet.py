"""The reader against the real protocols: what it reads is what the contracts do."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.chain.abi import FEE
from router.chain.reader import read_balances, read_snapshot
from router.chain.rpc import RpcClient
from router.documents import Deployment, load_snapshot, parse_deployment, save_snapshot, snapshot_hash
from router.errors import ChainIdMismatch, InconsistentAnswer, InputError, MissingCode, StalePrice
from router.localnet import Localnet
from tests.unit.chain.scripted_node import Reply, forward, scripted_node

MAX_REQUESTS = 60
"""Of one read of the whole local chain: some 33,000 calls."""
NOBODY = "0x" + "de" * 20


def deployment_of(net: Localnet) -> Deployment:
    return parse_deployment(net.deployment)


def small(net: Localnet) -> Deployment:
    """One pool of each kind, so that reads without the helper stay short."""
    deployment = deployment_of(net)
    kinds = {pool.kind: pool for pool in deployment.pools if pool.kind != "uniswap_v3"}
    fee = {"data": f"0x{FEE.call(NOBODY).data.hex()}"}
    wide = next(
        pool
        for pool in deployment.pools
        if pool.kind == "uniswap_v3"
        and int(net.rpc.call("eth_call", {"to": pool.address, **fee}, "latest"), 16) == 10_000
    )
    chosen = [pool for pool in deployment.pools if pool in (wide, *kinds.values())]
    return deployment.model_copy(update={"pools": tuple(chosen), "factories": ()})


def test_every_pool_pays_what_its_snapshot_quotes(fresh_chain: Localnet) -> None:
    snapshot = read_snapshot(fresh_chain.rpc_url, deployment_of(fresh_chain))
    assert {pool.address for pool in snapshot.pools} == {
        pool.address for pool in deployment_of(fresh_chain).pools
    }
    for pool in snapshot.pools:
        token_in, token_out = pool.tokens[-1], pool.tokens[0]
        amount_in = 10 ** snapshot.tokens[token_in].decimals // 7
        quoted = pool.quote_exact_in(token_in, token_out, amount_in)
        assert fresh_chain.trade(pool.address, token_in, token_out, amount_in) == quoted, pool


def test_lenders_hold_what_the_snapshot_says(localnet: Localnet) -> None:
    snapshot = read_snapshot(localnet.rpc_url, deployment_of(localnet))
    kinds = [lender.kind for lender in snapshot.lenders]
    assert kinds.count("aave_v3") == 1
    assert {"morpho_blue", "balancer_v2", "uniswap_v3"} < set(kinds)
    for lender in snapshot.lenders:
        assert lender.available
        for token, amount in lender.available.items():
            if lender.kind != "aave_v3":
                assert localnet.balance_of(token, lender.address) == amount


def test_prices_are_the_feeds(localnet: Localnet) -> None:
    snapshot = read_snapshot(localnet.rpc_url, deployment_of(localnet))
    expected = {localnet.token(spec.symbol): spec.price for spec in localnet.scenario.tokens}
    assert snapshot.prices[snapshot.numeraire] == "1"
    if expected[snapshot.numeraire] in ("1", "1.0", "1.00"):
        assert {token: float(text) for token, text in snapshot.prices.items()} == {
            token: float(text) for token, text in expected.items()
        }


def test_requests_are_bounded_and_progress_is_told(localnet: Localnet) -> None:
    client, told = RpcClient(localnet.rpc_url), list[tuple[str, int, int]]()
    snapshot = read_snapshot(client, deployment_of(localnet), progress=lambda *step: told.append(step))
    assert client.request_count <= MAX_REQUESTS
    assert sum(len(pool.to_state().get("ticks", ())) for pool in snapshot.pools) > MAX_REQUESTS
    assert {"tokens", "pairs", "tick bitmaps", "ticks", "prices"} <= {what for what, _, _ in told}
    assert all(done <= total for _, done, total in told)
    client.close()


def test_multicall_and_batches_give_equal_snapshots(localnet: Localnet) -> None:
    deployment = deployment_of(localnet)
    with_helper = read_snapshot(localnet.rpc_url, deployment)
    without = read_snapshot(localnet.rpc_url, deployment, use_multicall3=False)
    assert without == with_helper
    assert snapshot_hash(without) == snapshot_hash(with_helper)


def test_a_node_that_refuses_batches_gives_an_equal_snapshot(localnet: Localnet) -> None:
    def script(request: object) -> Reply:
        if isinstance(request, list):
            return Reply({"id": None, "error": {"code": -32600, "message": "no batches here"}})
        return Reply(forward(localnet.rpc_url, request))

    deployment = small(localnet)
    block = localnet.block_number()
    with scripted_node(script) as url:
        singly = read_snapshot(url, deployment, block, use_multicall3=False)
    assert singly == read_snapshot(localnet.rpc_url, deployment, block)


def test_an_older_block_reads_the_same_after_trades(fresh_chain: Localnet) -> None:
    deployment, block = small(fresh_chain), fresh_chain.block_number()
    before = read_snapshot(fresh_chain.rpc_url, deployment, block)
    pool = before.pools[0]
    amount_in = 10 ** before.tokens[pool.tokens[0]].decimals
    fresh_chain.trade(pool.address, pool.tokens[0], pool.tokens[1], amount_in)
    assert read_snapshot(fresh_chain.rpc_url, deployment, block) == before
    assert read_snapshot(fresh_chain.rpc_url, deployment, before.block_hash) == before
    latest = read_snapshot(fresh_chain.rpc_url, deployment)
    assert latest.pools[0] == pool.swap(pool.tokens[0], pool.tokens[1], amount_in)[1]


def test_only_the_tokens_asked_for(localnet: Localnet) -> None:
    weth, usdc = localnet.token("WETH"), localnet.token("USDC")
    snapshot = read_snapshot(localnet.rpc_url, deployment_of(localnet), tokens=[weth])
    assert set(snapshot.tokens) == {weth, usdc}
    assert snapshot.pools
    assert all(set(pool.tokens) == {weth, usdc} for pool in snapshot.pools)


def test_factories_find_the_listed_pools(localnet: Localnet) -> None:
    deployment = deployment_of(localnet)
    made = {pool.address for pool in deployment.pools if pool.kind in ("uniswap_v2", "uniswap_v3")}
    found = read_snapshot(localnet.rpc_url, deployment.model_copy(update={"pools": ()}))
    assert {pool.address for pool in found.pools} == made


def test_snapshot_survives_a_file(localnet: Localnet, tmp_path: Path) -> None:
    snapshot = read_snapshot(localnet.rpc_url, deployment_of(localnet))
    save_snapshot(snapshot, tmp_path / "snapshot.json.gz")
    assert load_snapshot(tmp_path / "snapshot.json.gz") == snapshot


def test_balances_are_the_owner_s(localnet: Localnet) -> None:
    tokens = [token.address for token in deployment_of(localnet).tokens]
    balances = read_balances(localnet.rpc_url, localnet.owner.address, tokens)
    assert balances == {token: localnet.balance_of(token, localnet.owner.address) for token in tokens}
    assert any(balances.values())


def test_another_chain_is_refused(localnet: Localnet) -> None:
    other = deployment_of(localnet).model_copy(update={"chain_id": 1})
    with pytest.raises(ChainIdMismatch, match="serves chain 31337, not chain 1"):
        read_snapshot(localnet.rpc_url, other)


def test_a_block_that_is_not_there_is_refused(localnet: Localnet) -> None:
    with pytest.raises(InputError, match="no block 99999999"):
        read_snapshot(localnet.rpc_url, deployment_of(localnet), 99_999_999)


@pytest.mark.parametrize("table", ["tokens", "pools", "lenders", "factories"])
def test_an_address_without_a_contract_is_named(localnet: Localnet, table: str) -> None:
    deployment = deployment_of(localnet)
    entries = list(getattr(deployment, table))
    entries[0] = entries[0].model_copy(update={"address": NOBODY})
    if entries[0].model_dump().get("kind") == "morpho_blue":
        entries[0] = entries[0].model_copy(update={"kind": "aave_v3"})
    with pytest.raises(MissingCode, match=f"no contract stands at {NOBODY}"):
        read_snapshot(localnet.rpc_url, deployment.model_copy(update={table: tuple(entries)}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decimals": 7}, "decimals of .*the deployment 7"),
        ({"symbol": "WHAT"}, "symbol of .*the deployment 'WHAT'"),
    ],
)
def test_tokens_other_than_told_are_refused(
    localnet: Localnet, change: dict[str, object], message: str
) -> None:
    deployment = deployment_of(localnet)
    first, *others = deployment.tokens
    told = deployment.model_copy(update={"tokens": (first.model_copy(update=change), *others)})
    with pytest.raises(InconsistentAnswer, match=message):
        read_snapshot(localnet.rpc_url, told)


def test_a_contract_of_another_kind_is_refused(localnet: Localnet) -> None:
    deployment = deployment_of(localnet)
    pool = deployment.pools[0].model_copy(update={"address": localnet.token("WETH")})
    with pytest.raises(InconsistentAnswer, match="of 0x"):
        read_snapshot(localnet.rpc_url, deployment.model_copy(update={"pools": (pool,)}))


def test_old_prices_are_refused(fresh_chain: Localnet) -> None:
    deployment = small(fresh_chain)
    head = fresh_chain.rpc.call("eth_getBlockByNumber", "latest", False)
    fresh_chain.rpc.call("evm_setNextBlockTimestamp", int(head["timestamp"], 16) + 3 * 24 * 3600)
    fresh_chain.mine()
    with pytest.raises(StalePrice, match="seconds old, more than 90000"):
        read_snapshot(fresh_chain.rpc_url, deployment)
    fresh_chain.refresh_feeds()
    assert read_snapshot(fresh_chain.rpc_url, deployment).prices

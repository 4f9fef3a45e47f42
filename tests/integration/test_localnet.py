"""The local chain holds the real contracts, in the state that the scenario describes."""

from __future__ import annotations

import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from router.documents.deployment import parse_deployment
from router.documents.portfolio_models import PortfolioModel
from router.errors import ExecutionReverted, InputError, RpcFailure
from router.localnet import Localnet
from router.localnet.abi import decode_result, encode_call
from router.localnet.deployer import read

V2_PAIR_INIT_CODE_HASH = "96e8ac4277198ff8b6f785478aa9a39f403cb768dd02cbee326c3e7da348845f"
V3_POOL_INIT_CODE_HASH = "e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54"
FLASH_LOAN_ENABLED_BIT = 63


def pools_of(net: Localnet, kind: str) -> list[dict[str, Any]]:
    return [pool for pool in net.deployment["pools"] if pool["kind"] == kind]


def factory_of(net: Localnet, kind: str) -> str:
    return str(next(item["address"] for item in net.deployment["factories"] if item["kind"] == kind))


def lender_of(net: Localnet, kind: str) -> str:
    return str(next(item["address"] for item in net.deployment["lenders"] if item["kind"] == kind))


def call(net: Localnet, to: str, signature: str, *args: Any, returns: str) -> tuple[Any, ...]:
    data = net.rpc.call("eth_call", {"to": to, "data": encode_call(signature, *args)}, "latest")
    return decode_result(returns, data)


def create2(factory: str, salt: bytes, init_code_hash: str) -> str:
    packed = b"\xff" + bytes.fromhex(factory[2:]) + salt + bytes.fromhex(init_code_hash)
    return "0x" + keccak(packed)[12:].hex()


def off_bps(net: Localnet, base: str, quote: str, raw_quote_per_base: Fraction) -> float:
    fair = net.scenario.token(base).usd_per_raw / net.scenario.token(quote).usd_per_raw
    return float((raw_quote_per_base / fair - 1) * 10_000)


def test_v2_pairs_have_the_canonical_init_code_hash(localnet: Localnet) -> None:
    factory = factory_of(localnet, "uniswap_v2")
    for pool in pools_of(localnet, "uniswap_v2"):
        tokens = [read(localnet.rpc, pool["address"], f"token{side}()") for side in (0, 1)]
        salt = keccak(b"".join(bytes.fromhex(token[2:]) for token in tokens))
        assert pool["address"] == create2(factory, salt, V2_PAIR_INIT_CODE_HASH)


def test_v3_pools_have_the_canonical_init_code_hash(localnet: Localnet) -> None:
    factory = factory_of(localnet, "uniswap_v3")
    for pool in pools_of(localnet, "uniswap_v3"):
        tokens = [read(localnet.rpc, pool["address"], f"token{side}()") for side in (0, 1)]
        fee = read(localnet.rpc, pool["address"], "fee()", returns="(uint24)")
        salt = keccak(encode(["address", "address", "uint24"], [*tokens, fee]))
        assert pool["address"] == create2(factory, salt, V3_POOL_INIT_CODE_HASH)


def test_the_deployment_is_one_that_the_loader_accepts(localnet: Localnet) -> None:
    loaded = parse_deployment(dict(localnet.deployment))
    assert loaded.chain_id == localnet.chain_id
    assert len(loaded.pools) == len(localnet.deployment["pools"])


def test_the_portfolio_is_one_that_the_loader_accepts(localnet: Localnet, tmp_path: Path) -> None:
    path = tmp_path / "portfolio.toml"
    path.write_text(localnet.portfolio_toml())
    model = PortfolioModel.model_validate(tomllib.loads(path.read_text()))
    assert model.owner == localnet.owner.address
    assert model.targets.keys() == localnet.scenario.owner.targets.keys()


def test_scenario_is_as_wide_as_promised(localnet: Localnet) -> None:
    tokens = localnet.deployment["tokens"]
    fees = {
        read(localnet.rpc, p["address"], "fee()", returns="(uint24)")
        for p in pools_of(localnet, "uniswap_v3")
    }
    assert len(tokens) >= 8
    assert {token["decimals"] for token in tokens} == {6, 8, 18}
    assert len(localnet.deployment["pools"]) >= 18
    assert len(fees) >= 3
    assert all(len(spec.positions) >= 2 for spec in localnet.scenario.uniswap_v3)
    assert max(len(spec.tokens) for spec in localnet.scenario.balancer_v2_weighted) >= 3


def test_tokens_answer_with_the_deployment_s_symbol_and_decimals(localnet: Localnet) -> None:
    for token in localnet.deployment["tokens"]:
        assert read(localnet.rpc, token["address"], "decimals()", returns="(uint8)") == token["decimals"]
        assert read(localnet.rpc, token["address"], "symbol()", returns="(string)") == token["symbol"]


def test_usdc_is_fiat_token_v2_2_behind_its_proxy(fresh_chain: Localnet) -> None:
    net, usdc, trader = fresh_chain, fresh_chain.token("USDC"), fresh_chain.trader.address
    assert read(net.rpc, usdc, "version()", returns="(string)") == "2"
    assert read(net.rpc, usdc, "currency()", returns="(string)") == "USD"
    fields = {"from": net.accounts[0].address, "to": usdc, "data": encode_call("blacklist(address)", trader)}
    net.rpc.call("eth_sendTransaction", fields)
    net.mine()
    with pytest.raises(ExecutionReverted, match="blacklisted"):
        net.mint(usdc, trader, 1)


def test_usdt_transfers_return_nothing_and_allowances_pass_through_zero(fresh_chain: Localnet) -> None:
    net, usdt, owner = fresh_chain, fresh_chain.token("USDT"), fresh_chain.owner.address
    transfer = encode_call("transfer(address,uint256)", net.trader.address, 1)
    assert net.rpc.call("eth_call", {"from": owner, "to": usdt, "data": transfer}, "latest") == "0x"
    approve = {
        "from": owner,
        "to": usdt,
        "data": encode_call("approve(address,uint256)", net.trader.address, 1),
    }
    net.rpc.call("eth_sendTransaction", approve)
    net.mine()
    with pytest.raises(RpcFailure, match="revert"):
        net.rpc.call("eth_call", approve, "latest")


def test_feeds_answer_as_chainlink_aggregators(fresh_chain: Localnet) -> None:
    net = fresh_chain
    net.set_price("WETH", "2000.5")
    feed = next(token["feed"] for token in net.deployment["tokens"] if token["symbol"] == "WETH")
    block = net.rpc.call("eth_getBlockByNumber", "latest", False)
    round_id, answer, started, updated, answered_in = call(
        net, feed, "latestRoundData()", returns="(uint80,int256,uint256,uint256,uint80)"
    )
    assert read(net.rpc, feed, "decimals()", returns="(uint8)") == 8
    assert answer == 2000_50000000
    assert started == updated == int(block["timestamp"], 16)
    assert round_id == answered_in > 1


def test_permit2_computes_this_chain_s_domain(localnet: Localnet) -> None:
    permit2 = localnet.deployment["permit2"]
    domain = keccak(text="EIP712Domain(string name,uint256 chainId,address verifyingContract)")
    fields = [domain, keccak(text="Permit2"), localnet.chain_id, permit2]
    expected = keccak(encode(["bytes32", "bytes32", "uint256", "address"], fields))
    assert read(localnet.rpc, permit2, "DOMAIN_SEPARATOR()", returns="(bytes32)") == expected


def test_multicall3_answers_at_its_canonical_address(localnet: Localnet) -> None:
    data = bytes.fromhex(encode_call("decimals()")[2:])
    (results,) = call(
        localnet,
        "0xca11bde05977b3631167028862be2a173976ca11",
        "aggregate3((address,bool,bytes)[])",
        [(localnet.token("WBTC"), False, data), (localnet.token("USDC"), False, data)],
        returns="((bool,bytes)[])",
    )
    assert [int.from_bytes(answer) for _, answer in results] == [8, 6]


def test_owner_holds_the_scenario_s_drifted_portfolio(localnet: Localnet) -> None:
    spec, scenario = localnet.scenario.owner, localnet.scenario
    for symbol, whole in spec.holdings.items():
        held = localnet.balance_of(localnet.token(symbol), localnet.owner.address)
        assert held == scenario.raw(symbol, whole)
    assert len(spec.holdings) >= 5
    assert int(localnet.rpc.call("eth_getBalance", localnet.owner.address, "latest"), 16) > 10**18


def test_v2_pools_stand_off_the_feeds_as_written(localnet: Localnet) -> None:
    for spec, pool in zip(localnet.scenario.uniswap_v2, pools_of(localnet, "uniswap_v2"), strict=True):
        base, quote = (localnet.balance_of(localnet.token(symbol), pool["address"]) for symbol in spec.tokens)
        assert off_bps(localnet, *spec.tokens, Fraction(quote, base)) == pytest.approx(spec.off_bps, abs=0.01)


def test_v3_pools_stand_off_the_feeds_as_written(localnet: Localnet) -> None:
    for spec, pool in zip(localnet.scenario.uniswap_v3, pools_of(localnet, "uniswap_v3"), strict=True):
        (sqrt_price_x96,) = call(localnet, pool["address"], "slot0()", returns="(uint160)")
        price = Fraction(sqrt_price_x96**2, 1 << 192)
        if read(localnet.rpc, pool["address"], "token0()") != localnet.token(spec.tokens[0]):
            price = 1 / price
        assert off_bps(localnet, *spec.tokens, price) == pytest.approx(spec.off_bps, abs=0.01)


def test_pools_hold_the_value_written(localnet: Localnet) -> None:
    for spec, pool in zip(localnet.scenario.uniswap_v3, pools_of(localnet, "uniswap_v3"), strict=True):
        held = sum(
            localnet.balance_of(localnet.token(symbol), pool["address"])
            * localnet.scenario.token(symbol).usd_per_raw
            for symbol in spec.tokens
        )
        assert float(held) == pytest.approx(float(sum(usd for _, _, usd in spec.positions)), rel=1e-4)


@pytest.mark.parametrize("symbol", ["WETH", "USDC", "USDT", "DAI", "WBTC"])
@pytest.mark.parametrize("kind", ["morpho_blue", "balancer_v2"])
def test_lenders_hold_every_main_token(localnet: Localnet, kind: str, symbol: str) -> None:
    capacity = localnet.balance_of(localnet.token(symbol), lender_of(localnet, kind))
    assert capacity * localnet.scenario.token(symbol).usd_per_raw > 1_000_000


def test_aave_reserves_lend_what_was_supplied(localnet: Localnet) -> None:
    pool, data = lender_of(localnet, "aave_v3"), localnet.world.contracts["AaveProtocolDataProvider"]
    premium = read(localnet.rpc, pool, "FLASHLOAN_PREMIUM_TOTAL()", returns="(uint128)")
    assert premium == localnet.scenario.aave_v3.flash_premium_bps
    for symbol, whole in localnet.scenario.aave_v3.supply.items():
        token = localnet.token(symbol)
        a_token = read(localnet.rpc, data, "getReserveTokensAddresses(address)", token)
        flags = read(localnet.rpc, pool, "getConfiguration(address)", token, returns="(uint256)")
        assert localnet.balance_of(token, a_token) == localnet.scenario.raw(symbol, whole)
        assert flags >> FLASH_LOAN_ENABLED_BIT & 1


def test_uniswap_v3_lenders_are_pools_of_the_deployment(localnet: Localnet) -> None:
    pools = {pool["address"] for pool in pools_of(localnet, "uniswap_v3")}
    lenders = {item["address"] for item in localnet.deployment["lenders"] if item["kind"] == "uniswap_v3"}
    assert lenders
    assert lenders <= pools


def test_trade_on_v2_pays_what_the_router_quotes(fresh_chain: Localnet) -> None:
    net, amount = fresh_chain, 10**18
    pool = pools_of(net, "uniswap_v2")[0]["address"]
    path = [net.token("WETH"), net.token("USDC")]
    router = net.world.contracts["UniswapV2Router02"]
    quoted = call(net, router, "getAmountsOut(uint256,address[])", amount, path, returns="(uint256[])")[0][-1]
    assert net.trade(pool, *path, amount) == quoted


def test_trade_on_v3_pays_what_the_quoter_quotes(fresh_chain: Localnet) -> None:
    net, amount = fresh_chain, 50 * 10**18
    index = next(
        i for i, s in enumerate(net.scenario.uniswap_v3) if s.tokens == ("WETH", "USDC") and s.fee_pips == 500
    )
    path = (net.token("WETH"), net.token("USDC"))
    (quoted,) = call(
        net,
        net.world.contracts["QuoterV2"],
        "quoteExactInputSingle((address,address,uint256,uint24,uint160))",
        (*path, amount, 500, 0),
        returns="(uint256)",
    )
    assert net.trade(pools_of(net, "uniswap_v3")[index]["address"], *path, amount) == quoted


def test_trade_on_balancer_pays_within_the_fee_of_the_feeds(fresh_chain: Localnet) -> None:
    net = fresh_chain
    for spec, pool in zip(
        net.scenario.balancer_v2_weighted, pools_of(net, "balancer_v2_weighted"), strict=True
    ):
        symbol_in, symbol_out = spec.tokens[:2]
        amount = net.scenario.raw_worth(symbol_in, Fraction(1000))
        got = net.trade(pool["address"], net.token(symbol_in), net.token(symbol_out), amount)
        after_fee = 1000 * (1 - spec.fee_pips / 1e6) * (1 + spec.off_bps / 1e4)
        assert float(got * net.scenario.token(symbol_out).usd_per_raw) == pytest.approx(after_fee, rel=3e-3)


def test_trade_refuses_a_pool_that_is_not_deployed(localnet: Localnet) -> None:
    with pytest.raises(InputError, match="not in the deployment"):
        localnet.trade("0x" + "11" * 20, localnet.token("WETH"), localnet.token("USDC"), 1)


def test_revert_undoes_a_trade(localnet: Localnet) -> None:
    pool = pools_of(localnet, "uniswap_v2")[0]["address"]
    before, mark = localnet.balance_of(localnet.token("WETH"), pool), localnet.snapshot()
    localnet.trade(pool, localnet.token("WETH"), localnet.token("USDC"), 10**18)
    assert localnet.balance_of(localnet.token("WETH"), pool) == before + 10**18
    localnet.revert(mark)
    assert localnet.balance_of(localnet.token("WETH"), pool) == before

"""Uniswap v2 and v3: factories, periphery, pools at the scenario's prices, positions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from router.fixed_point import BPS
from router.localnet.deploy_base import Site
from router.localnet.deployer import FAR_FUTURE
from router.localnet.scenario import UniswapV2Spec, UniswapV3Spec
from router.tokens import Address

V2_FEE_PIPS = 3000
V3_TICK_SPACINGS = {100: 1, 500: 10, 3000: 60, 10000: 200}
"""Tick spacing by fee. The factory starts with the last three; 100 is enabled as on mainnet."""

_TICK_LIMIT = 887_272
_V2 = "@uniswap/v2-core/build/UniswapV2Factory.json"
_V2_ROUTER = "@uniswap/v2-periphery/build/UniswapV2Router02.json"
_V3 = "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"
_PERIPHERY = "@uniswap/v3-periphery/artifacts/contracts"


def deploy_uniswap_v2(site: Site, native: Address) -> tuple[Address, Address]:
    """Queues the factory and Router02."""
    deployer = site.deployer
    factory = deployer.create(deployer.artifacts.npm(_V2), "(address)", deployer.sender)
    router = deployer.create(deployer.artifacts.npm(_V2_ROUTER), "(address,address)", factory, native)
    return factory, router


def deploy_uniswap_v3(site: Site, native: Address) -> dict[str, Address]:
    """Queues the factory, position manager, SwapRouter, QuoterV2 and TickLens; addresses by contract name."""
    deployer, npm = site.deployer, site.deployer.artifacts.npm
    factory = deployer.create(npm(_V3))
    deployer.send(factory, "enableFeeAmount(uint24,int24)", 100, V3_TICK_SPACINGS[100])
    positions = npm(f"{_PERIPHERY}/NonfungiblePositionManager.sol/NonfungiblePositionManager.json")
    no_descriptor = "0x" + "00" * 20
    return {
        "UniswapV3Factory": factory,
        "NonfungiblePositionManager": deployer.create(
            positions, "(address,address,address)", factory, native, no_descriptor
        ),
        "SwapRouter": deployer.create(
            npm(f"{_PERIPHERY}/SwapRouter.sol/SwapRouter.json"), "(address,address)", factory, native
        ),
        "QuoterV2": deployer.create(
            npm(f"{_PERIPHERY}/lens/QuoterV2.sol/QuoterV2.json"), "(address,address)", factory, native
        ),
        "TickLens": deployer.create(npm(f"{_PERIPHERY}/lens/TickLens.sol/TickLens.json")),
    }


def add_v2_pools(site: Site, factory: Address, specs: Sequence[UniswapV2Spec]) -> list[Address]:
    """Creates and funds the pairs; their addresses in order."""
    for spec in specs:
        base, quote = (site.tokens[symbol] for symbol in spec.tokens)
        site.deployer.send(factory, "createPair(address,address)", base, quote)
    pairs: list[Address] = []
    for spec in specs:
        base, quote = (site.tokens[symbol] for symbol in spec.tokens)
        pair = site.deployer.call(factory, "getPair(address,address)", base, quote)
        pairs.append(pair)
    for spec, pair in zip(specs, pairs, strict=True):
        base_symbol, quote_symbol = spec.tokens
        half = spec.usd / 2
        site.mint(base_symbol, pair, site.scenario.raw_worth(base_symbol, half, spec.off_bps))
        site.mint(quote_symbol, pair, site.scenario.raw_worth(quote_symbol, half))
        site.deployer.send(pair, "mint(address)", site.deployer.sender)
    return pairs


def add_v3_pools(
    site: Site, factory: Address, manager: Address, specs: Sequence[UniswapV3Spec]
) -> list[Address]:
    """Creates the pools at their prices and mints every position through the manager; addresses in order."""
    for symbol in sorted({symbol for spec in specs for symbol in spec.tokens}):
        site.approve(symbol, manager)
    for spec in specs:
        token0, token1 = _sorted_symbols(site, spec.tokens)
        sqrt_price_x96 = sqrt_price(_raw_price(site, spec, token0, token1))
        site.deployer.send(
            manager,
            "createAndInitializePoolIfNecessary(address,address,uint24,uint160)",
            *(site.tokens[token0], site.tokens[token1], spec.fee_pips, sqrt_price_x96),
        )
        for position in spec.positions:
            _mint_position(site, manager, spec, position)
    return [
        site.deployer.call(
            factory,
            "getPool(address,address,uint24)",
            *(site.tokens[symbol] for symbol in spec.tokens),
            spec.fee_pips,
        )
        for spec in specs
    ]


def sqrt_price(raw_price: Fraction) -> int:
    """sqrt(raw token1 per raw token0) in Q64.96, rounded down."""
    return math.isqrt((raw_price.numerator << 192) // raw_price.denominator)


def _mint_position(
    site: Site, manager: Address, spec: UniswapV3Spec, position: tuple[Decimal, Decimal, Decimal]
) -> None:
    token0, token1 = _sorted_symbols(site, spec.tokens)
    price = float(_raw_price(site, spec, token0, token1))
    from_percent, to_percent, usd = position
    bounds = [1 + float(percent) / 100 for percent in (from_percent, to_percent)]
    if spec.tokens[0] != token0:
        bounds = [1 / bound for bound in reversed(bounds)]
    spacing = V3_TICK_SPACINGS[spec.fee_pips]
    lower, upper = (_nearest_tick(price * bound, spacing) for bound in bounds)
    amount0, amount1 = _amounts(site, (token0, token1), price, (lower, upper), float(usd))
    site.mint(token0, site.deployer.sender, amount0)
    site.mint(token1, site.deployer.sender, amount1)
    fields = (site.tokens[token0], site.tokens[token1], spec.fee_pips, lower, upper, amount0, amount1, 0, 0)
    site.deployer.send(
        manager,
        "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))",
        (*fields, site.deployer.sender, FAR_FUTURE),
    )


def _amounts(
    site: Site, symbols: tuple[str, str], price: float, ticks: tuple[int, int], usd: float
) -> tuple[int, int]:
    """Raw amounts worth `usd` that a position over these ticks holds (whitepaper 6.29, 6.30)."""
    lower, upper = (math.sqrt(1.0001**tick) for tick in ticks)
    root = min(max(math.sqrt(price), lower), upper)
    per_liquidity0, per_liquidity1 = 1 / root - 1 / upper, root - lower
    usd0, usd1 = (float(site.scenario.token(symbol).usd_per_raw) for symbol in symbols)
    liquidity = usd / (per_liquidity0 * usd0 + per_liquidity1 * usd1)
    return math.ceil(liquidity * per_liquidity0), math.ceil(liquidity * per_liquidity1)


def _sorted_symbols(site: Site, symbols: tuple[str, str]) -> tuple[str, str]:
    first, second = sorted(symbols, key=lambda symbol: int(site.tokens[symbol], 16))
    return first, second


def _raw_price(site: Site, spec: UniswapV3Spec, token0: str, token1: str) -> Fraction:
    """Raw token1 per raw token0, the first token of the spec being `off_bps` above the feeds."""
    off = Fraction(BPS + spec.off_bps, BPS)
    price = site.scenario.token(token0).usd_per_raw / site.scenario.token(token1).usd_per_raw
    return price * off if spec.tokens[0] == token0 else price / off


def _nearest_tick(price: float, spacing: int) -> int:
    tick = round(math.log(price, 1.0001) / spacing) * spacing
    limit = _TICK_LIMIT // spacing * spacing
    return min(max(tick, -limit), limit)

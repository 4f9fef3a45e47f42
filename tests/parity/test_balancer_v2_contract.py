"""Our weighted arithmetic against deployed pools behind the deployed Vault, swap by swap."""

from __future__ import annotations

import random

import pytest
from eth_abi import encode

from router.errors import PoolError
from router.fixed_point import WAD
from router.pools.balancer_v2_weighted import BalancerV2WeightedPool
from router.pools.weighted_math import PowVersion
from tests.parity.evm import DEADLINE, OWNER, CallRevertedError, Chain

TASKS = "@balancer-labs/v2-deployments/dist/tasks"
V1_FOLDER = f"{TASKS}/deprecated/20210418-weighted-pool/artifact"
ZERO = "0x" + "0" * 40
YEAR = 365 * 86_400
MIN_WEIGHT = WAD // 100
SWAPS_PER_POOL = 120
SWAP = "swap((bytes32,uint8,address,address,uint256,bytes),(address,bool,address,bool),uint256,uint256)"
JOIN = "joinPool(bytes32,address,address,(address[],uint256[],bytes,bool))"
CREATE = "create(string,string,address[],uint256[],"
GIVEN_IN, GIVEN_OUT = 0, 1


class Market:
    """A Vault with one weighted pool of `count` tokens, random weights, decimals, depths and fee."""

    def __init__(self, seed: int, factory: str, count: int) -> None:
        self.random = random.Random(seed)
        self.chain = chain = Chain()
        authorizer = chain.deploy(f"{TASKS}/20210418-authorizer/artifact/Authorizer.json", "address", OWNER)
        weth = chain.deploy("@uniswap/v2-periphery/build/WETH9.json")
        self.vault = chain.deploy(
            f"{TASKS}/20210418-vault/artifact/Vault.json",
            "address,address,uint256,uint256",
            authorizer,
            weth,
            90 * 86_400,
            30 * 86_400,
        )
        self.tokens = chain.tokens(*(self.random.choice((6, 8, 18)) for _ in range(count)))
        self.decimals = tuple(chain.decimals(token) for token in self.tokens)
        self.weights = self._random_weights(count)
        self.fee_wad = self.random.randint(10**12, 10**17)
        self.version = PowVersion.V2 if factory == "v3" else PowVersion.V1
        self.address = self._create(factory)
        self.pool_id = chain.call(self.address, "getPoolId()", returns="bytes32")
        self._join()

    def _random_weights(self, count: int) -> list[int]:
        """Random weights; some are multiples of each other, where the two power functions differ."""
        if self.random.random() < 0.4:
            return [WAD // count + (WAD % count if place == 0 else 0) for place in range(count)]
        if count == 2:
            return self.random.choice(([WAD * 8 // 10, WAD * 2 // 10], [WAD * 98 // 100, WAD * 2 // 100]))
        cuts = sorted(self.random.randint(0, WAD - count * MIN_WEIGHT) for _ in range(count - 1))
        shares = [high - low for low, high in zip([0, *cuts], [*cuts, WAD - count * MIN_WEIGHT], strict=True)]
        return [MIN_WEIGHT + share for share in shares]

    def _create(self, factory: str) -> str:
        chain, names = self.chain, ("Pool", "BPT", self.tokens, self.weights)
        if factory == "2tokens":
            maker = chain.deploy(f"{V1_FOLDER}/WeightedPool2TokensFactory.json", "address", self.vault)
            signature, rest = CREATE + "uint256,bool,address)", (self.fee_wad, False, OWNER)
        elif factory == "v1":
            maker = chain.deploy(f"{V1_FOLDER}/WeightedPoolFactory.json", "address", self.vault)
            signature, rest = CREATE + "uint256,address)", (self.fee_wad, OWNER)
        else:
            fees = chain.deploy(
                f"{TASKS}/20220725-protocol-fee-percentages-provider/artifact/ProtocolFeePercentagesProvider.json",
                "address,uint256,uint256",
                self.vault,
                WAD,
                WAD,
            )
            maker = chain.deploy(
                f"{TASKS}/20230206-weighted-pool-v3/artifact/WeightedPoolFactory.json",
                "address,address,string,string",
                self.vault,
                fees,
                "factory",
                "pool",
            )
            signature = CREATE + "address[],uint256,address)"
            rest = ([ZERO] * len(self.tokens), self.fee_wad, OWNER)
        return str(chain.call(maker, signature, *names, *rest, returns="address")).lower()

    def _join(self) -> None:
        amounts = [int(10 ** self.random.uniform(2, 8) * 10**decimals) for decimals in self.decimals]
        for token in self.tokens:
            self.chain.approve(token, self.vault)
        user_data = encode(["uint256", "uint256[]"], [0, amounts])
        request = (self.tokens, amounts, user_data, False)
        self.chain.call(self.vault, JOIN, self.pool_id, OWNER, OWNER, request)

    def state(self) -> BalancerV2WeightedPool:
        """The pool as it stands in the Vault."""
        tokens, balances, _ = self.chain.call(
            self.vault, "getPoolTokens(bytes32)", self.pool_id, returns="address[],uint256[],uint256"
        )
        return BalancerV2WeightedPool.from_state(
            {
                "address": self.address,
                "pool_id": "0x" + self.pool_id.hex(),
                "tokens": tokens,
                "balances": balances,
                "weights": self.weights,
                "decimals": self.decimals,
                "swap_fee_wad": self.fee_wad,
                "vault": self.vault,
                "pow_version": str(self.version),
            }
        )

    def swap(self, kind: int, path: list[str], amount: int) -> int:
        """Swaps through the Vault; the amount that was not given."""
        single = (self.pool_id, kind, *path, amount, b"")
        limit = 0 if kind == GIVEN_IN else 2**200
        funds = (OWNER, False, OWNER, False)
        return int(self.chain.call(self.vault, SWAP, single, funds, limit, DEADLINE, returns="uint256"))


def _ours(pool: BalancerV2WeightedPool, kind: int, path: list[str], amount: int) -> int | None:
    try:
        return (pool.quote_exact_in if kind == GIVEN_IN else pool.quote_exact_out)(*path, amount)
    except PoolError:
        return None


@pytest.mark.parametrize(
    ("seed", "factory", "count"),
    [
        (1, "2tokens", 2),
        (2, "2tokens", 2),
        (3, "v1", 3),
        (4, "v1", 4),
        (5, "v1", 5),
        (6, "v1", 8),
        (7, "v3", 2),
        (8, "v3", 2),
        (9, "v3", 3),
        (10, "v3", 6),
        (11, "v3", 8),
    ],
)
def test_random_swaps_equal_the_deployed_pool(seed: int, factory: str, count: int) -> None:
    market = Market(seed, factory, count)
    executed = 0
    pool = market.state()
    while executed < SWAPS_PER_POOL:
        path = market.random.sample(market.tokens, 2)
        kind = market.random.choice((GIVEN_IN, GIVEN_OUT))
        depth = pool.balances[pool.tokens.index(path[kind])]
        amount = int(depth * 10 ** market.random.uniform(-9, -0.45))
        ours = _ours(pool, kind, path, amount)
        try:
            other = market.swap(kind, path, amount)
        except CallRevertedError:
            assert ours is None
            continue
        executed += 1
        assert ours == other
        after = market.state()
        if kind == GIVEN_IN:
            assert pool.swap(*path, amount) == (other, after)
        else:
            change = {path[0]: other, path[1]: -amount}
            moved = zip(pool.tokens, pool.balances, strict=True)
            assert after.balances == tuple(balance + change.get(token, 0) for token, balance in moved)
        pool = after

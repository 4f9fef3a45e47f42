"""Balancer v2 weighted pools of 2 to 8 tokens, to the wei.

The pool takes the fee off the amount in before scaling it to 18 decimals, and puts it on the amount in
after scaling back. Source: balancer-v2-monorepo, pkg/pool-utils/contracts/BaseMinimalSwapInfoPool.sol
(onSwap), BasePool.sol, pkg/vault/contracts/Swaps.sol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from router.errors import InputError, InsufficientLiquidity, PoolError
from router.fixed_point import PIPS, WAD, div_up, mul_div_up
from router.pools.base import require_amount, require_tokens
from router.pools.weighted_math import PowVersion, in_given_out, out_given_in
from router.tokens import Address

GAS_PER_SWAP = 90_700
"""97,830 for a lone swap by an account, less 21,000 for the transaction, plus 13,900 for an approval set
and cleared: reference/executor.md section 4."""
MAINNET_VAULT = "0xba12222222228d8ba445958a75a0704d566bf2c8"
MAX_BALANCE = (1 << 112) - 1
MIN_TOKENS, MAX_TOKENS = 2, 8
MAX_TOKEN_DECIMALS = 18
_WAD_PER_PIP = WAD // PIPS


@dataclass(frozen=True, slots=True)
class BalancerV2WeightedPool:
    """A weighted pool behind the Vault.

    Attributes:
        balances: raw units in the order of `tokens`, as the Vault counts them.
        weights: 18 decimals; they sum to one.
        decimals: of each token; a snapshot keeps them in its token list.
        swap_fee_wad: fee on the amount in, 18 decimals. It need not be a whole number of pips.
        pow_version: V1 in the pools of the first factories (2021, the default), V2 from the 2022 factory
            on. Where it is unknown V1 is the safe one: it never pays more nor charges less than V2.
        protocol: where the pool comes from, for people.
    """

    kind: ClassVar[str] = "balancer_v2_weighted"

    address: Address
    pool_id: str
    tokens: tuple[Address, ...]
    balances: tuple[int, ...]
    weights: tuple[int, ...]
    decimals: tuple[int, ...]
    swap_fee_wad: int
    vault: Address = MAINNET_VAULT
    pow_version: PowVersion = PowVersion.V1
    protocol: str = ""

    @property
    def fee_pips(self) -> int:
        """Swap fee in millionths, rounded up; `swap_fee_wad` is the exact one."""
        return div_up(self.swap_fee_wad, _WAD_PER_PIP)

    @property
    def gas(self) -> int:
        return GAS_PER_SWAP

    def __repr__(self) -> str:
        weights = "/".join(f"{weight / WAD:.0%}" for weight in self.weights)
        return f"BalancerV2WeightedPool({self.address}, {weights}, {self.swap_fee_wad / WAD:.2%})"

    def quote_exact_in(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        """What the pool pays for `amount_in`; may be 0, which the contract allows.

        Raises:
            RatioExceeded: more than 30% of the balance, fee deducted.
            InsufficientLiquidity: an empty balance, or one that would not fit 112 bits.
            PoolError: a token of more than 18 decimals, which Balancer refuses.
        """
        index_in, index_out = require_tokens(self, token_in, token_out)
        self._check(index_in, index_out, amount_in)
        if self.balances[index_in] + amount_in > MAX_BALANCE:
            raise InsufficientLiquidity(f"{self!r}: a balance would not fit 112 bits")
        scale_in, scale_out = self._scale(index_in), self._scale(index_out)
        after_fee = amount_in - mul_div_up(amount_in, self.swap_fee_wad, WAD)
        amount_out = out_given_in(
            self.balances[index_in] * scale_in,
            self.weights[index_in],
            self.balances[index_out] * scale_out,
            self.weights[index_out],
            after_fee * scale_in,
            version=self.pow_version,
        )
        return amount_out // scale_out

    def quote_exact_out(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        """What the pool charges for `amount_out`, rounded up.

        Raises:
            RatioExceeded: more than 30% of the balance.
            InsufficientLiquidity: an empty balance, or one that would not fit 112 bits.
        """
        index_in, index_out = require_tokens(self, token_in, token_out)
        self._check(index_in, index_out, amount_out)
        scale_in, scale_out = self._scale(index_in), self._scale(index_out)
        before_fee = in_given_out(
            self.balances[index_in] * scale_in,
            self.weights[index_in],
            self.balances[index_out] * scale_out,
            self.weights[index_out],
            amount_out * scale_out,
            version=self.pow_version,
        )
        amount_in = mul_div_up(div_up(before_fee, scale_in), WAD, WAD - self.swap_fee_wad)
        if self.balances[index_in] + amount_in > MAX_BALANCE:
            raise InsufficientLiquidity(f"{self!r}: a balance would not fit 112 bits")
        return amount_in

    def swap(
        self, token_in: Address, token_out: Address, amount_in: int
    ) -> tuple[int, BalancerV2WeightedPool]:
        """The amount out, and the pool after the swap; its whole fee stays in the balance."""
        amount_out = self.quote_exact_in(token_in, token_out, amount_in)
        change = {token_in: amount_in, token_out: -amount_out}
        balances = tuple(
            balance + change.get(token, 0) for token, balance in zip(self.tokens, self.balances, strict=True)
        )
        return amount_out, replace(self, balances=balances)

    def spot_price(self, token_in: Address, token_out: Address) -> float:
        """Marginal rate, fee included: raw units of `token_out` per raw unit of `token_in`."""
        index_in, index_out = require_tokens(self, token_in, token_out)
        if not self.balances[index_in] or not self.balances[index_out]:
            raise InsufficientLiquidity(f"{self!r} is empty")
        depth_in = self.balances[index_in] / self.weights[index_in]
        depth_out = self.balances[index_out] / self.weights[index_out]
        return depth_out / depth_in * (1 - self.swap_fee_wad / WAD)

    def _scale(self, index: int) -> int:
        return int(10 ** (18 - self.decimals[index]))

    def _check(self, index_in: int, index_out: int, amount: int) -> None:
        require_amount(self, amount, MAX_BALANCE)
        for index in (index_in, index_out):
            if self.decimals[index] > MAX_TOKEN_DECIMALS:
                raise PoolError(f"{self!r}: Balancer takes no token of {self.decimals[index]} decimals")
            if not 0 < self.balances[index] <= MAX_BALANCE:
                raise InsufficientLiquidity(f"{self!r} holds {self.balances[index]} of {self.tokens[index]}")

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> BalancerV2WeightedPool:
        """Builds the pool from its snapshot-file form plus `decimals`, one per token, from the token list.

        Raises:
            InputError: values that no weighted pool can have.
        """
        _check_state(state)
        return cls(
            address=state["address"],
            pool_id=state["pool_id"],
            tokens=tuple(state["tokens"]),
            balances=tuple(state["balances"]),
            weights=tuple(state["weights"]),
            decimals=tuple(state["decimals"]),
            swap_fee_wad=_fee_wad(state),
            vault=state.get("vault") or MAINNET_VAULT,
            pow_version=PowVersion(state.get("pow_version") or PowVersion.V1),
            protocol=state.get("protocol", ""),
        )

    def to_state(self) -> dict[str, Any]:
        """The snapshot-file form; big integers as ints, defaults and `decimals` left out."""
        state: dict[str, Any] = {"kind": self.kind, "address": self.address, "tokens": list(self.tokens)}
        if self.protocol:
            state["protocol"] = self.protocol
        state |= {
            "pool_id": self.pool_id,
            "fee_pips": self.fee_pips,
            "balances": list(self.balances),
            "weights": list(self.weights),
        }
        if self.swap_fee_wad % _WAD_PER_PIP:
            state["swap_fee_wad"] = self.swap_fee_wad
        if self.vault != MAINNET_VAULT:
            state["vault"] = self.vault
        if self.pow_version is not PowVersion.V1:
            state["pow_version"] = str(self.pow_version)
        return state


def _fee_wad(state: Mapping[str, Any]) -> int:
    exact = state.get("swap_fee_wad")
    return int(state["fee_pips"] * _WAD_PER_PIP if exact is None else exact)


def _check_state(state: Mapping[str, Any]) -> None:
    count = len(state["tokens"])
    if not MIN_TOKENS <= count <= MAX_TOKENS or len(set(state["tokens"])) != count:
        raise InputError(f"a weighted pool has {MIN_TOKENS} to {MAX_TOKENS} different tokens", path="tokens")
    for key in ("balances", "weights", "decimals"):
        if len(state[key]) != count:
            raise InputError(f"{len(state[key])} values for {count} tokens", path=key)
    if min(state["balances"]) < 0:
        raise InputError("a balance is negative", path="balances")
    if not all(0 < weight < WAD for weight in state["weights"]):
        raise InputError("weights lie between 0 and 10**18", path="weights")
    if not 0 <= _fee_wad(state) < WAD:
        raise InputError("the swap fee is below 100%", path="fee_pips")
    if state.get("pow_version") not in (None, *PowVersion):
        raise InputError(f"{state['pow_version']!r} is not v1 or v2", path="pow_version")

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @dev One exact-in swap, checked and accounted for. What an AMM library of this folder gets.
/// @param pool the contract to call: the pool, or the Balancer Vault.
/// @param amountIn raw units; unset where `payer` is PAYER_PREPAID.
/// @param payer a payer code of `Kinds`.
/// @param owner the executor's owner, who pays where `payer` is PAYER_OWNER.
/// @param extra what follows the pool in the step: fee in pips, or pool id; else 0.
struct SwapCall {
    uint256 step;
    address pool;
    address tokenIn;
    address tokenOut;
    uint256 amountIn;
    address recipient;
    uint256 payer;
    address owner;
    uint256 extra;
}

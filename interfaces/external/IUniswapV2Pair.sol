// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title What is called of a Uniswap v2 pair.
interface IUniswapV2Pair {
    function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 timestampLast);

    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data) external;
}

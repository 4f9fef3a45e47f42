// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IUniswapV3Pool} from "../../interfaces/external/IUniswapV3Pool.sol";

interface IPancakeV3Pool is IUniswapV3Pool {
    function token1() external view returns (address);

    function mint(
        address recipient,
        int24 tickLower,
        int24 tickUpper,
        uint128 amount,
        bytes calldata data
    ) external returns (uint256 amount0, uint256 amount1);
}

/// @title Adds liquidity to PancakeSwap v3 pools and swaps through them, for its caller and paid by it. For tests.
/// @notice Pays whoever calls back, out of whose pocket it says: never use it outside a local chain.
contract PancakeTrader {
    uint160 private constant LOWEST_SQRT_PRICE_X96 = 4295128739 + 1;
    uint160 private constant HIGHEST_SQRT_PRICE_X96 = 1461446703485210103287273052203988822378723970342 - 1;

    /// @notice The pool paid less than was asked for.
    error PartialOutput(uint256 asked, uint256 paid);

    function mint(IPancakeV3Pool pool, int24 lower, int24 upper, uint128 liquidity) external {
        pool.mint(msg.sender, lower, upper, liquidity, abi.encode(msg.sender));
    }

    /// @notice Swaps to the end of the price range at most. `amount` is exact in above 0, exact out below.
    function swap(
        IPancakeV3Pool pool,
        bool zeroForOne,
        int256 amount
    ) external returns (uint256 spent, uint256 received) {
        uint160 limit = zeroForOne ? LOWEST_SQRT_PRICE_X96 : HIGHEST_SQRT_PRICE_X96;
        (int256 amount0, int256 amount1) = pool.swap(msg.sender, zeroForOne, amount, limit, abi.encode(msg.sender));
        (int256 paid, int256 got) = zeroForOne ? (amount0, amount1) : (amount1, amount0);
        (spent, received) = (uint256(paid), uint256(-got));
        if (amount < 0) require(received == uint256(-amount), PartialOutput(uint256(-amount), received));
    }

    function pancakeV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external {
        _pay(int256(amount0), int256(amount1), data);
    }

    function pancakeV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        _pay(amount0, amount1, data);
    }

    function _pay(int256 amount0, int256 amount1, bytes calldata data) private {
        IPancakeV3Pool pool = IPancakeV3Pool(msg.sender);
        address payer = abi.decode(data, (address));
        if (amount0 > 0) IERC20(pool.token0()).transferFrom(payer, msg.sender, uint256(amount0));
        if (amount1 > 0) IERC20(pool.token1()).transferFrom(payer, msg.sender, uint256(amount1));
    }
}

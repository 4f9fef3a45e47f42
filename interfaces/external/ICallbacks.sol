// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title What lenders and pools call back. Each accepts only the one caller that is due, with the data that is due.
interface ICallbacks {
    /// @notice Morpho Blue, after sending the loan; takes the amount back by transferFrom.
    function onMorphoFlashLoan(uint256 assets, bytes calldata data) external;

    /// @notice Aave v3 flashLoanSimple, after sending the loan; takes amount and premium back by transferFrom.
    function executeOperation(
        address asset,
        uint256 amount,
        uint256 premium,
        address initiator,
        bytes calldata params
    ) external returns (bool);

    /// @notice Aave v3 flashLoan, after sending the loans; takes amounts and premiums back by transferFrom.
    function executeOperation(
        address[] calldata assets,
        uint256[] calldata amounts,
        uint256[] calldata premiums,
        address initiator,
        bytes calldata params
    ) external returns (bool);

    /// @notice Balancer v2, after sending the loans; amounts and fees must be back when this returns.
    function receiveFlashLoan(
        address[] calldata tokens,
        uint256[] calldata amounts,
        uint256[] calldata feeAmounts,
        bytes calldata userData
    ) external;

    /// @notice Uniswap v3 flash, after sending the loans; amounts and fees must be back when this returns.
    function uniswapV3FlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external;

    /// @notice Uniswap v3 swap, after paying out; the positive amount must be there when this returns.
    function uniswapV3SwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata data) external;

    /// @notice PancakeSwap v3 flash: as Uniswap's, under its own name.
    function pancakeV3FlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external;

    /// @notice PancakeSwap v3 swap: as Uniswap's, under its own name.
    function pancakeV3SwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata data) external;
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title What is called of Morpho Blue.
interface IMorphoBlue {
    function flashLoan(address token, uint256 assets, bytes calldata data) external;
}

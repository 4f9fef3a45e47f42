// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @dev One flash loan. What a lender library of this folder gets.
/// @param tokens strictly ascending.
/// @param data what the lender must hand back: the program, then one word per token, the balance here before the loan.
struct LoanCall {
    uint256 step;
    address lender;
    address[] tokens;
    uint256[] amounts;
    bytes data;
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IUniswapV3Pool} from "../../interfaces/external/IUniswapV3Pool.sol";
import {Calls} from "../libraries/Calls.sol";
import {LoanCall} from "./LoanCall.sol";

/// @title Borrows one or both tokens of a Uniswap v3 pool. Repaid by transfer. The pool swaps nothing meanwhile.
library UniswapV3Loan {
    uint256 internal constant MAX_TOKENS = 2;

    function borrow(LoanCall memory loan) internal {
        (uint256 amount0, uint256 amount1) = _amounts(loan);
        Calls.invoke(
            loan.step,
            loan.lender,
            abi.encodeCall(IUniswapV3Pool.flash, (address(this), amount0, amount1, loan.data))
        );
    }

    /// @dev Both fees, in the order of the loan's tokens. A pool asks no fee on a token that was not borrowed.
    function premiums(uint256[] memory fees, uint256 count) internal pure returns (uint256[] memory) {
        if (count == 2) return fees;
        uint256[] memory single = new uint256[](1);
        single[0] = fees[0] + fees[1];
        return single;
    }

    function _amounts(LoanCall memory loan) private view returns (uint256 amount0, uint256 amount1) {
        if (loan.tokens.length == 2) return (loan.amounts[0], loan.amounts[1]);
        uint256 token0 = Calls.readWord(loan.step, loan.lender, abi.encodeCall(IUniswapV3Pool.token0, ()));
        return token0 == uint160(loan.tokens[0]) ? (loan.amounts[0], uint256(0)) : (uint256(0), loan.amounts[0]);
    }
}

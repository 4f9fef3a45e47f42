// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAaveV3Pool} from "../../interfaces/external/IAaveV3Pool.sol";
import {Calls} from "../libraries/Calls.sol";
import {LoanCall} from "./LoanCall.sol";

/// @title Borrows from an Aave v3 pool: one token by flashLoanSimple, several by flashLoan. Repaid by allowance.
library AaveV3Loan {
    uint256 internal constant MAX_TOKENS = 1;
    uint256 internal constant MAX_TOKENS_MULTI = 255;
    uint16 private constant NO_REFERRAL = 0;

    function borrow(LoanCall memory loan) internal {
        Calls.invoke(
            loan.step,
            loan.lender,
            abi.encodeCall(
                IAaveV3Pool.flashLoanSimple,
                (address(this), loan.tokens[0], loan.amounts[0], loan.data, NO_REFERRAL)
            )
        );
    }

    function borrowMulti(LoanCall memory loan) internal {
        // All zero: every amount is repaid, none becomes debt.
        uint256[] memory modes = new uint256[](loan.tokens.length);
        Calls.invoke(
            loan.step,
            loan.lender,
            abi.encodeCall(
                IAaveV3Pool.flashLoan,
                (address(this), loan.tokens, loan.amounts, modes, address(this), loan.data, NO_REFERRAL)
            )
        );
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IMorphoBlue} from "../../interfaces/external/IMorphoBlue.sol";
import {Calls} from "../libraries/Calls.sol";
import {LoanCall} from "./LoanCall.sol";

/// @title Borrows one token from Morpho Blue. No premium; repaid by allowance.
library MorphoLoan {
    uint256 internal constant MAX_TOKENS = 1;

    function borrow(LoanCall memory loan) internal {
        Calls.invoke(
            loan.step,
            loan.lender,
            abi.encodeCall(IMorphoBlue.flashLoan, (loan.tokens[0], loan.amounts[0], loan.data))
        );
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBalancerV2Vault} from "../../interfaces/external/IBalancerV2Vault.sol";
import {Calls} from "../libraries/Calls.sol";
import {LoanCall} from "./LoanCall.sol";

/// @title Borrows from the Balancer v2 Vault. Repaid by transfer. The Vault swaps nothing while its loan is open.
library BalancerV2Loan {
    uint256 internal constant MAX_TOKENS = 255;

    function borrow(LoanCall memory loan) internal {
        Calls.invoke(
            loan.step,
            loan.lender,
            abi.encodeCall(IBalancerV2Vault.flashLoan, (address(this), loan.tokens, loan.amounts, loan.data))
        );
    }
}

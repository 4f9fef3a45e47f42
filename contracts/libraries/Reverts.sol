// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRebalanceExecutor as E} from "../../interfaces/IRebalanceExecutor.sol";

/// @title Passes on why a foreign call failed, with the step that made it.
library Reverts {
    /// @dev Right after a failed call. Errors of a later step of the same program, raised inside a callback, pass
    /// unchanged; all else becomes StepFailed(step, reason). A foreign contract can imitate our errors, to no effect
    /// but a misleading message.
    function rethrow(uint256 step) internal pure {
        bytes memory reason = lastAnswer();
        if (_isOurs(bytes4(reason))) {
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
        revert E.StepFailed(step, reason);
    }

    /// @dev What the contract called last has returned, or reverted with.
    function lastAnswer() internal pure returns (bytes memory answer) {
        assembly ("memory-safe") {
            answer := mload(0x40)
            mstore(answer, returndatasize())
            returndatacopy(add(answer, 0x20), 0, returndatasize())
            mstore(0x40, and(add(add(answer, 0x3f), returndatasize()), not(0x1f)))
        }
    }

    function _isOurs(bytes4 selector) private pure returns (bool) {
        return
            selector == E.StepFailed.selector ||
            selector == E.ShortRepayment.selector ||
            selector == E.PullExceedsMax.selector ||
            selector == E.LedgerTooLow.selector ||
            selector == E.PartialFill.selector ||
            selector == E.UnexpectedPayment.selector ||
            selector == E.ZeroAmount.selector ||
            selector == E.MissingCallback.selector ||
            selector == E.PremiumCountMismatch.selector ||
            _isMalformed(selector) ||
            _isToken(selector);
    }

    function _isMalformed(bytes4 selector) private pure returns (bool) {
        return
            selector == E.TruncatedProgram.selector ||
            selector == E.UnknownStep.selector ||
            selector == E.UnknownToken.selector ||
            selector == E.IllegalRoute.selector ||
            selector == E.IllegalFee.selector ||
            selector == E.IllegalTokenCount.selector ||
            selector == E.LoanTokensNotAscending.selector;
    }

    function _isToken(bytes4 selector) private pure returns (bool) {
        return
            selector == E.UnreadableToken.selector ||
            selector == E.BalanceFell.selector ||
            selector == E.AmountTooLarge.selector;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IRebalanceExecutor} from "../../interfaces/IRebalanceExecutor.sol";
import {Calls} from "./Calls.sol";
import {Reverts} from "./Reverts.sol";

/// @title Token calls whose failure names the step.
library Tokens {
    using SafeERC20 for IERC20;

    function balanceOf(address token, address account) internal view returns (uint256 amount) {
        bytes4 selector = IERC20.balanceOf.selector;
        bool success;
        assembly ("memory-safe") {
            mstore(0x00, selector)
            mstore(0x04, account)
            success := staticcall(gas(), token, 0x00, 0x24, 0x00, 0x20)
            success := and(success, gt(returndatasize(), 0x1f))
            amount := mload(0x00)
        }
        require(success, IRebalanceExecutor.UnreadableToken(token));
    }

    /// @dev What has arrived here since the balance was `balanceBefore`.
    function received(address token, uint256 balanceBefore) internal view returns (uint256) {
        uint256 balance = balanceOf(token, address(this));
        require(balance >= balanceBefore, IRebalanceExecutor.BalanceFell(token, balanceBefore, balance));
        unchecked {
            return balance - balanceBefore;
        }
    }

    function send(uint256 step, address token, address to, uint256 amount) internal {
        if (!IERC20(token).trySafeTransfer(to, amount)) Reverts.rethrow(step);
    }

    /// @dev Outside the steps: sends the owner what is left.
    function payOut(address token, address owner, uint256 amount) internal {
        if (IERC20(token).trySafeTransfer(owner, amount)) return;
        revert IRebalanceExecutor.PayoutFailed(token, Reverts.lastAnswer());
    }

    /// @dev `owner` is the executor's immutable owner, never an address out of a program.
    function sendFrom(uint256 step, address token, address owner, address to, uint256 amount) internal {
        if (!IERC20(token).trySafeTransferFrom(owner, to, amount)) Reverts.rethrow(step);
    }

    /// @dev Sets the allowance; by way of zero where the token wants that.
    function approve(uint256 step, address token, address spender, uint256 amount) internal {
        if (_tryApprove(token, spender, amount)) return;
        if (_tryApprove(token, spender, 0) && _tryApprove(token, spender, amount)) return;
        Reverts.rethrow(step);
    }

    /// @dev After a spender had its chance: whatever it left of its allowance is taken back.
    function revoke(uint256 step, address token, address spender) internal {
        bytes memory data = abi.encodeCall(IERC20.allowance, (address(this), spender));
        if (Calls.readWord(step, token, data) != 0) approve(step, token, spender, 0);
    }

    function _tryApprove(address token, address spender, uint256 amount) private returns (bool) {
        // solhint-disable-next-line avoid-low-level-calls
        (bool success, bytes memory answer) = token.call(abi.encodeCall(IERC20.approve, (spender, amount)));
        if (answer.length == 0) return success && token.code.length != 0;
        return success && answer.length >= 32 && bytes32(answer) == bytes32(uint256(1));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IRebalanceExecutor} from "../../interfaces/IRebalanceExecutor.sol";
import {Reverts} from "./Reverts.sol";

/// @title Token calls whose failure names the step.
library Tokens {
    using SafeERC20 for IERC20;

    function balanceOf(address token, address account) internal view returns (uint256) {
        return _read(token, abi.encodeCall(IERC20.balanceOf, (account)));
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
        if (_read(token, abi.encodeCall(IERC20.allowance, (address(this), spender))) != 0) {
            approve(step, token, spender, 0);
        }
    }

    function _tryApprove(address token, address spender, uint256 amount) private returns (bool) {
        // solhint-disable-next-line avoid-low-level-calls
        (bool success, bytes memory answer) = token.call(abi.encodeCall(IERC20.approve, (spender, amount)));
        if (answer.length == 0) return success && token.code.length != 0;
        return success && answer.length >= 32 && bytes32(answer) == bytes32(uint256(1));
    }

    function _read(address token, bytes memory data) private view returns (uint256 answer) {
        bool success;
        assembly ("memory-safe") {
            success := staticcall(gas(), token, add(data, 0x20), mload(data), 0, 0x20)
            success := and(success, gt(returndatasize(), 0x1f))
            answer := mload(0)
        }
        require(success, IRebalanceExecutor.UnreadableToken(token));
    }
}

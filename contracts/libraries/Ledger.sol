// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TransientSlot} from "@openzeppelin/contracts/utils/TransientSlot.sol";
import {IRebalanceExecutor} from "../../interfaces/IRebalanceExecutor.sol";

/// @title What is in the executor's hands during one `execute`, and what the owner had before it.
/// @notice Two transient words per token of the program, at BASE + 2 * index: `funds` = held | owed << 128 and
/// `origin` = balance of the owner before | pulled << 128. All are zero again when `execute` ends.
library Ledger {
    using TransientSlot for bytes32;
    using TransientSlot for TransientSlot.Uint256Slot;

    /// @dev ERC-7201 location of "atomic-rebalance.ledger".
    uint256 private constant BASE = 0x4947bd2494fcbaf8e3523b65e7d9e374a4461810c4627f8837edca31f0799c00;
    uint256 private constant LOW = type(uint128).max;

    // --- the owner ---

    function open(uint256 index, address token, uint256 ownerBalance) internal {
        _origin(index).tstore(_fit(token, ownerBalance));
    }

    function balanceBefore(uint256 index) internal view returns (uint256) {
        return _origin(index).tload() & LOW;
    }

    /// @dev Counts `amount` towards what has been pulled of a token, before it is pulled.
    function countPull(uint256 index, uint256 step, address token, uint256 amount, uint256 maxSpent) internal {
        TransientSlot.Uint256Slot slot = _origin(index);
        uint256 origin = slot.tload();
        uint256 pulled = (origin >> 128) + amount;
        require(pulled <= maxSpent, IRebalanceExecutor.PullExceedsMax(step, token, pulled, maxSpent));
        slot.tstore((origin & LOW) | (pulled << 128));
    }

    /// @dev Clears a token's `origin`.
    function close(uint256 index) internal returns (uint256 ownerBalanceBefore) {
        TransientSlot.Uint256Slot slot = _origin(index);
        ownerBalanceBefore = slot.tload() & LOW;
        slot.tstore(0);
    }

    // --- the executor ---

    function held(uint256 index) internal view returns (uint256) {
        return _funds(index).tload() & LOW;
    }

    function credit(uint256 index, address token, uint256 amount) internal {
        TransientSlot.Uint256Slot slot = _funds(index);
        uint256 funds = slot.tload();
        unchecked {
            _fit(token, (funds & LOW) + _fit(token, amount));
            slot.tstore(funds + amount);
        }
    }

    function debit(uint256 index, uint256 step, address token, uint256 amount) internal {
        TransientSlot.Uint256Slot slot = _funds(index);
        uint256 funds = slot.tload();
        require(amount <= funds & LOW, IRebalanceExecutor.LedgerTooLow(step, token, amount, funds & LOW));
        unchecked {
            slot.tstore(funds - amount);
        }
    }

    /// @dev Takes all that is held.
    function drain(uint256 index) internal returns (uint256 amount) {
        TransientSlot.Uint256Slot slot = _funds(index);
        uint256 funds = slot.tload();
        amount = funds & LOW;
        if (amount != 0) slot.tstore(funds ^ amount);
    }

    // --- loans ---

    /// @dev What the open loans lack of a token.
    function lacking(uint256 index) internal view returns (uint256) {
        uint256 funds = _funds(index).tload();
        uint256 owed = funds >> 128;
        return owed > funds & LOW ? owed - (funds & LOW) : 0;
    }

    function openLoan(uint256 index, address token, uint256 received, uint256 due) internal {
        credit(index, token, received);
        TransientSlot.Uint256Slot slot = _funds(index);
        uint256 funds = slot.tload();
        uint256 owed = _fit(token, (funds >> 128) + due);
        slot.tstore((funds & LOW) | (owed << 128));
    }

    function closeLoan(uint256 index, uint256 step, address token, uint256 due) internal {
        TransientSlot.Uint256Slot slot = _funds(index);
        uint256 funds = slot.tload();
        require(due <= funds & LOW, IRebalanceExecutor.ShortRepayment(step, token, due, funds & LOW));
        unchecked {
            slot.tstore(funds - due - (due << 128));
        }
    }

    // --- words ---

    function _fit(address token, uint256 amount) private pure returns (uint256) {
        require(amount <= LOW, IRebalanceExecutor.AmountTooLarge(token, amount));
        return amount;
    }

    function _funds(uint256 index) private pure returns (TransientSlot.Uint256Slot) {
        unchecked {
            return bytes32(BASE + 2 * index).asUint256();
        }
    }

    function _origin(uint256 index) private pure returns (TransientSlot.Uint256Slot) {
        unchecked {
            return bytes32(BASE + 2 * index + 1).asUint256();
        }
    }
}

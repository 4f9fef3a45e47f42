// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TransientSlot} from "@openzeppelin/contracts/utils/TransientSlot.sol";
import {IRebalanceExecutor} from "../../interfaces/IRebalanceExecutor.sol";

/// @title At most one callback is due at a time: from one caller, for one kind of step, with data of one hash, once.
/// @notice Two transient words: who and for what, and the hash. Armed right before the call that must call back,
/// cleared by the callback before anything else happens.
library CallbackGuard {
    using TransientSlot for bytes32;
    using TransientSlot for TransientSlot.Uint256Slot;
    using TransientSlot for TransientSlot.Bytes32Slot;

    /// @dev ERC-7201 location of "atomic-rebalance.callback".
    bytes32 private constant DUE = 0xfa77b9629b88f0642714aa235f63155359dfa4edf97acfad6c8111ff3974f300;
    bytes32 private constant HASH = bytes32(uint256(DUE) + 1);

    /// @dev `cursor` and `length` locate the step in the program; swaps leave them 0. Layout, from the lowest bit:
    /// u24 length | u24 cursor | u24 step | u8 kind | address caller. The kind is never 0, so neither is the word.
    function arm(
        address caller,
        uint256 kind,
        uint256 step,
        uint256 cursor,
        uint256 length,
        bytes32 dataHash
    ) internal {
        DUE.asUint256().tstore(
            (uint256(uint160(caller)) << 80) | (kind << 72) | (step << 48) | (cursor << 24) | length
        );
        HASH.asBytes32().tstore(dataHash);
    }

    /// @dev Accepts the callback that is due, or reverts.
    function disarm(uint256 kind, bytes calldata data) internal returns (uint256 step, uint256 cursor, uint256 length) {
        uint256 due = DUE.asUint256().tload();
        require(
            due >> 72 == (uint256(uint160(msg.sender)) << 8) | kind,
            IRebalanceExecutor.UnexpectedCallback(msg.sender)
        );
        bytes32 expected = HASH.asBytes32().tload();
        bytes32 actual = keccak256(data);
        require(actual == expected, IRebalanceExecutor.UnexpectedCallbackData(expected, actual));
        DUE.asUint256().tstore(0);
        HASH.asBytes32().tstore(0);
        return (uint24(due >> 48), uint24(due >> 24), uint24(due));
    }

    /// @dev Reverts when the callback that was due has not come.
    function requireDone(uint256 step, address caller) internal view {
        require(DUE.asUint256().tload() == 0, IRebalanceExecutor.MissingCallback(step, caller));
    }
}

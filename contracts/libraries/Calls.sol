// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Reverts} from "./Reverts.sol";

/// @title Calls of pools and lenders whose failure names the step.
/// @notice `data` is always one of the typed calls of contracts/swaps and contracts/loans, never bytes of a program.
library Calls {
    /// @dev Ignores the answer: effects are measured, not believed.
    function invoke(uint256 step, address target, bytes memory data) internal {
        bool success;
        assembly ("memory-safe") {
            success := call(gas(), target, 0, add(data, 0x20), mload(data), 0, 0)
        }
        if (!success) Reverts.rethrow(step);
    }

    /// @dev The first two words of the answer. A target that answers less fails.
    function readPair(
        uint256 step,
        address target,
        bytes memory data
    ) internal view returns (uint256 first, uint256 second) {
        bool success;
        assembly ("memory-safe") {
            success := staticcall(gas(), target, add(data, 0x20), mload(data), 0, 0x40)
            success := and(success, gt(returndatasize(), 0x3f))
            first := mload(0)
            second := mload(0x20)
        }
        if (!success) Reverts.rethrow(step);
    }

    /// @dev The first word of the answer. A target that answers less fails.
    function readWord(uint256 step, address target, bytes memory data) internal view returns (uint256 word) {
        bool success;
        assembly ("memory-safe") {
            success := staticcall(gas(), target, add(data, 0x20), mload(data), 0, 0x20)
            success := and(success, gt(returndatasize(), 0x1f))
            word := mload(0)
        }
        if (!success) Reverts.rethrow(step);
    }
}

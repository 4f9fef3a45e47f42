// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title An account that does what anyone tells it. For tests: a contract as owner, or as stranger.
contract PuppetAccount {
    /// @notice Makes the calls in order and passes a failure on.
    function perform(address[] calldata targets, bytes[] calldata datas) external {
        for (uint256 i = 0; i < targets.length; ++i) {
            Address.functionCall(targets[i], datas[i]);
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {IRebalanceExecutorFactory} from "../interfaces/IRebalanceExecutorFactory.sol";
import {RebalanceExecutor} from "./RebalanceExecutor.sol";

/// @title CREATE2 factory of executors, one per owner.
contract RebalanceExecutorFactory is IRebalanceExecutorFactory {
    /// @dev The owner is part of the creation code, so one salt gives each owner an address.
    bytes32 private constant SALT = 0;

    /// @inheritdoc IRebalanceExecutorFactory
    function deploy(address owner) external returns (address executor) {
        require(owner != address(0), ZeroOwner());
        executor = executorOf(owner);
        require(executor.code.length == 0, ExecutorExists(owner, executor));
        executor = address(new RebalanceExecutor{salt: SALT}(owner));
        emit ExecutorDeployed(owner, executor);
    }

    /// @inheritdoc IRebalanceExecutorFactory
    function executorOf(address owner) public view returns (address executor) {
        bytes memory creationCode = abi.encodePacked(type(RebalanceExecutor).creationCode, abi.encode(owner));
        return Create2.computeAddress(SALT, keccak256(creationCode));
    }
}

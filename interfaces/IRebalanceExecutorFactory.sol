// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Deploys the executor of an owner at an address that only this factory and the owner determine.
/// @notice Anyone may deploy for anyone: the executor obeys its owner alone.
interface IRebalanceExecutorFactory {
    event ExecutorDeployed(address indexed owner, address indexed executor);

    /// @notice The executor of this owner is deployed already.
    error ExecutorExists(address owner, address executor);
    error ZeroOwner();

    /// @notice Where the executor of `owner` is, or will be.
    function executorOf(address owner) external view returns (address executor);

    /// @notice Deploys the executor of `owner`.
    function deploy(address owner) external returns (address executor);
}

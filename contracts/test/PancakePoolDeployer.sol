// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Creates PancakeSwap v3 pools from the bytecode that it is given. For tests: the npm package lacks the deployer.
contract PancakePoolDeployer {
    struct Parameters {
        address factory;
        address token0;
        address token1;
        uint24 fee;
        int24 tickSpacing;
    }

    /// @notice What the pool's constructor asks its creator.
    Parameters public parameters;

    event PoolDeployed(address pool);

    error CreationFailed();

    /// @notice The deployer stands in for the factory too.
    function deploy(
        bytes calldata creationCode,
        address token0,
        address token1,
        uint24 fee,
        int24 tickSpacing
    ) external returns (address pool) {
        parameters = Parameters(address(this), token0, token1, fee, tickSpacing);
        bytes memory code = creationCode;
        assembly ("memory-safe") {
            pool := create(0, add(code, 0x20), mload(code))
        }
        require(pool != address(0), CreationFailed());
        emit PoolDeployed(pool);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title A token whose next transfers call out first, and pass a failure on. For tests.
contract ReentrantToken is ERC20 {
    address public target;
    bytes public data;
    uint256 public skip;

    constructor() ERC20("Reentrant", "RE") {}

    function mint(address to, uint256 value) external {
        _mint(to, value);
    }

    /// @notice Calls out once, in the transfer after the next `skip_` ones.
    function arm(address target_, bytes calldata data_, uint256 skip_) external {
        (target, data, skip) = (target_, data_, skip_);
    }

    function _update(address from, address to, uint256 value) internal override {
        address called = target;
        if (called != address(0) && skip != 0) --skip;
        else if (called != address(0)) {
            target = address(0);
            Address.functionCall(called, data);
        }
        super._update(from, to, value);
    }
}

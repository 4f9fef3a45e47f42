// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token one of whose functions answers what it is told, having moved the tokens or not. For tests.
contract AnsweringToken is ERC20 {
    bytes4 public selector;
    bytes public answer;
    bool public moves;

    constructor() ERC20("Answering", "ANS") {}

    /// @dev After a function that is told what to answer. Ends the call.
    modifier answers() {
        if (msg.sig != selector) {
            _;
            return;
        }
        if (moves) _;
        bytes memory told = answer;
        assembly ("memory-safe") {
            return(add(told, 0x20), mload(told))
        }
    }

    function mint(address to, uint256 value) external {
        _mint(to, value);
    }

    /// @notice From now on the function `selector_` returns these bytes, and does its work only where `moves_`.
    function tell(bytes4 selector_, bytes calldata answer_, bool moves_) external {
        (selector, answer, moves) = (selector_, answer_, moves_);
    }

    function transfer(address to, uint256 value) public override answers returns (bool) {
        return super.transfer(to, value);
    }

    function transferFrom(address from, address to, uint256 value) public override answers returns (bool) {
        return super.transferFrom(from, to, value);
    }

    function approve(address spender, uint256 value) public override answers returns (bool) {
        return super.approve(spender, value);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {IRebalanceExecutor} from "../interfaces/IRebalanceExecutor.sol";
import {FlashBorrower} from "./base/FlashBorrower.sol";
import {StepDispatcher} from "./base/StepDispatcher.sol";
import {Bounds} from "./libraries/Bounds.sol";
import {Ledger} from "./libraries/Ledger.sol";
import {ProgramCodec} from "./libraries/ProgramCodec.sol";
import {Tokens} from "./libraries/Tokens.sol";

/// @title The executor of one owner.
/// @notice Holds no tokens and no approvals between transactions.
contract RebalanceExecutor is FlashBorrower {
    using ProgramCodec for bytes;

    bool private transient _running;

    constructor(address owner) StepDispatcher(owner) {}

    modifier onlyOwnerOnce() {
        require(msg.sender == OWNER, NotOwner(msg.sender));
        require(!_running, Reentered());
        _running = true;
        _;
        _running = false;
    }

    /// @inheritdoc IRebalanceExecutor
    function execute(bytes calldata program) external onlyOwnerOnce returns (int256 valueChange) {
        (uint256 tokenCount, uint256 firstStep) = program.checkHead();
        Bounds.checkTime(program);
        Bounds.open(program, tokenCount, OWNER);
        _run(program, firstStep, 0);
        _payOut(program, tokenCount);
        valueChange = Bounds.settle(program, tokenCount, OWNER);
        emit Rebalanced(keccak256(program), valueChange);
    }

    /// @inheritdoc IRebalanceExecutor
    function rescue(address token) external onlyOwnerOnce {
        bool native = token == address(0);
        uint256 amount = native ? address(this).balance : Tokens.balanceOf(token, address(this));
        emit Rescued(token, amount);
        if (native) Address.sendValue(payable(OWNER), amount);
        else Tokens.payOut(token, OWNER, amount);
    }

    /// @dev Sends what is left in the ledger to the owner.
    function _payOut(bytes calldata program, uint256 tokenCount) private {
        for (uint256 i = 0; i < tokenCount; ++i) {
            uint256 held = Ledger.drain(i);
            if (held != 0) Tokens.payOut(program.token(i), OWNER, held);
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
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
    using SafeERC20 for IERC20;
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
        uint256 amount = Tokens.balanceOf(token, address(this));
        emit Rescued(token, amount);
        IERC20(token).safeTransfer(OWNER, amount);
    }

    /// @dev Sends what is left in the ledger to the owner.
    function _payOut(bytes calldata program, uint256 tokenCount) private {
        for (uint256 i = 0; i < tokenCount; ++i) {
            uint256 held = Ledger.drain(i);
            if (held != 0) IERC20(program.token(i)).safeTransfer(OWNER, held);
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRebalanceExecutor} from "../../interfaces/IRebalanceExecutor.sol";
import {Ledger} from "./Ledger.sol";
import {ProgramCodec} from "./ProgramCodec.sol";
import {Tokens} from "./Tokens.sol";

/// @title What must hold for the owner's balances, by difference between before and after.
library Bounds {
    using ProgramCodec for bytes;

    uint256 private constant PIPS = 1_000_000;
    /// @dev 255 values below this, times any u24, stay below 2^255.
    uint256 private constant MAX_VALUE = 1 << 222;

    /// @dev Deadline and block window.
    function checkTime(bytes calldata program) internal view {
        uint256 deadline = program.deadline();
        require(block.timestamp <= deadline, IRebalanceExecutor.DeadlinePassed(deadline, block.timestamp));
        uint256 first = program.firstBlock();
        uint256 last = program.lastBlock();
        require(
            block.number >= first && (last == 0 || block.number <= last),
            IRebalanceExecutor.OutsideBlockWindow(block.number, first, last)
        );
    }

    /// @dev Notes the balances before.
    function open(bytes calldata program, uint256 count, address owner) internal {
        for (uint256 i = 0; i < count; ++i) {
            if (!program.isRead(i)) continue;
            address token = program.token(i);
            Ledger.open(i, token, Tokens.balanceOf(token, owner));
        }
    }

    /// @dev Every minReceived, in the middle of a program.
    function checkReceived(bytes calldata program, uint256 step, address owner) internal view {
        uint256 count = program.tokenCount();
        for (uint256 i = 0; i < count; ++i) {
            uint256 least = program.minReceived(i);
            if (least == 0) continue;
            address token = program.token(i);
            uint256 received = _excess(Tokens.balanceOf(token, owner), Ledger.balanceBefore(i));
            if (received < least) {
                bytes4 selector = IRebalanceExecutor.InsufficientReceived.selector;
                bytes memory reason = abi.encodeWithSelector(selector, token, received, least);
                revert IRebalanceExecutor.StepFailed(step, reason);
            }
        }
    }

    /// @dev All bounds, at the end. Forgets the balances before.
    function settle(bytes calldata program, uint256 count, address owner) internal returns (int256 valueChange) {
        uint256[] memory values = new uint256[](count);
        uint256 totalBefore;
        uint256 totalAfter;
        for (uint256 i = 0; i < count; ++i) {
            if (!program.isRead(i)) continue;
            address token = program.token(i);
            uint256 balanceBefore = Ledger.close(i);
            uint256 balanceAfter = Tokens.balanceOf(token, owner);
            _checkToken(program, i, token, balanceBefore, balanceAfter);
            uint256 price = program.price(i);
            if (price == 0) continue;
            values[i] = _value(token, balanceAfter, price);
            unchecked {
                totalBefore += _value(token, balanceBefore, price);
                totalAfter += values[i];
            }
        }
        unchecked {
            valueChange = int256(totalAfter) - int256(totalBefore);
        }
        int256 least = program.minValueChange();
        require(valueChange >= least, IRebalanceExecutor.ValueBelowMinimum(valueChange, least));
        _checkWeights(program, values, totalAfter);
    }

    function _checkToken(
        bytes calldata program,
        uint256 index,
        address token,
        uint256 balanceBefore,
        uint256 balanceAfter
    ) private pure {
        uint256 most = program.maxSpent(index);
        uint256 spent = _excess(balanceBefore, balanceAfter);
        require(spent <= most, IRebalanceExecutor.SpentTooMuch(token, spent, most));
        uint256 least = program.minReceived(index);
        uint256 received = _excess(balanceAfter, balanceBefore);
        require(received >= least, IRebalanceExecutor.InsufficientReceived(token, received, least));
    }

    /// @dev Exact: compares products, so the weight itself is never rounded.
    function _checkWeights(bytes calldata program, uint256[] memory values, uint256 total) private pure {
        for (uint256 i = 0; i < values.length; ++i) {
            (uint256 minPips, uint256 maxPips) = program.weights(i);
            if (minPips == 0 && maxPips >= PIPS) continue;
            uint256 scaled;
            bool within;
            unchecked {
                scaled = values[i] * PIPS;
                within = scaled >= minPips * total && scaled <= maxPips * total;
            }
            if (!within) {
                uint256 weight = total == 0 ? 0 : scaled / total;
                revert IRebalanceExecutor.WeightOutOfBounds(program.token(i), weight, minPips, maxPips);
            }
        }
    }

    function _value(address token, uint256 balance, uint256 price) private pure returns (uint256 value) {
        require(balance <= type(uint128).max, IRebalanceExecutor.AmountTooLarge(token, balance));
        unchecked {
            value = balance * price;
        }
        require(value < MAX_VALUE, IRebalanceExecutor.AmountTooLarge(token, balance));
    }

    function _excess(uint256 a, uint256 b) private pure returns (uint256) {
        unchecked {
            return a > b ? a - b : 0;
        }
    }
}

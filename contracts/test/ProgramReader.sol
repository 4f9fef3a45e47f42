// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Kinds} from "../libraries/Kinds.sol";
import {LoanCodec} from "../libraries/LoanCodec.sol";
import {ProgramCodec} from "../libraries/ProgramCodec.sol";
import {SwapCodec} from "../libraries/SwapCodec.sol";

/// @title Reads a whole program with the executor's own codecs and runs none of it. For tests.
contract ProgramReader {
    using ProgramCodec for bytes;

    struct TokenView {
        address token;
        uint256 maxSpent;
        uint256 minReceived;
        uint256 priceE36;
        uint256 minWeightPips;
        uint256 maxWeightPips;
    }

    /// @dev `called` is lender or pool, `indices` and `amounts` the tokens named, swaps in, out and the amount written.
    struct StepView {
        uint256 kind;
        uint256 route;
        address called;
        uint256[] indices;
        uint256[] amounts;
        uint256 extra;
    }

    function readHead(
        bytes calldata program
    )
        external
        pure
        returns (uint256 deadline, uint256 firstBlock, uint256 lastBlock, int256 least, TokenView[] memory)
    {
        (uint256 count, ) = program.checkHead();
        TokenView[] memory tokens = new TokenView[](count);
        for (uint256 i = 0; i < count; ++i) {
            (uint256 minPips, uint256 maxPips) = program.weights(i);
            tokens[i] = TokenView({
                token: program.token(i),
                maxSpent: program.maxSpent(i),
                minReceived: program.minReceived(i),
                priceE36: program.price(i),
                minWeightPips: minPips,
                maxWeightPips: maxPips
            });
        }
        return (program.deadline(), program.firstBlock(), program.lastBlock(), program.minValueChange(), tokens);
    }

    function readSteps(bytes calldata program) external pure returns (StepView[] memory steps) {
        (, uint256 cursor) = program.checkHead();
        StepView[] memory found = new StepView[](program.length - cursor);
        uint256 count = 0;
        bool prepaid = false;
        while (cursor < program.length) {
            StepView memory step = found[count];
            step.kind = program.u8(cursor);
            if (step.kind >= Kinds.FIRST_SWAP) (cursor, prepaid) = _readSwap(program, cursor, count, step, prepaid);
            else if (step.kind >= Kinds.FIRST_LOAN) cursor = _readLoan(program, cursor, count, step);
            else cursor = _readMove(program, cursor, count, step);
            ++count;
        }
        steps = new StepView[](count);
        for (uint256 i = 0; i < count; ++i) steps[i] = found[i];
    }

    function _readMove(
        bytes calldata program,
        uint256 cursor,
        uint256 step,
        StepView memory view_
    ) private pure returns (uint256) {
        if (view_.kind == Kinds.CHECK) return cursor + 1;
        uint256 next = cursor + (view_.kind == Kinds.PULL ? 18 : 2);
        program.requireLength(next);
        _name(view_, 1);
        view_.indices[0] = program.tokenIndex(cursor + 1, step);
        if (view_.kind == Kinds.PULL) view_.amounts[0] = program.u128(cursor + 2);
        return next;
    }

    function _readLoan(
        bytes calldata program,
        uint256 cursor,
        uint256 step,
        StepView memory view_
    ) private pure returns (uint256) {
        LoanCodec.maxTokens(step, view_.kind);
        program.requireLength(LoanCodec.end(cursor, 0));
        uint256 count = LoanCodec.tokenCount(program, cursor);
        program.requireLength(LoanCodec.end(cursor, count));
        view_.called = program.addressAt(cursor + 1);
        _name(view_, count);
        for (uint256 i = 0; i < count; ++i) {
            (view_.indices[i], view_.amounts[i]) = LoanCodec.row(program, cursor, i);
            program.requireToken(view_.indices[i], step);
        }
        return LoanCodec.end(cursor, count);
    }

    function _readSwap(
        bytes calldata program,
        uint256 cursor,
        uint256 step,
        StepView memory view_,
        bool prepaid
    ) private pure returns (uint256 next, bool paysNext) {
        SwapCodec.Swap memory swap;
        (swap, next) = SwapCodec.read(program, cursor, step, view_.kind, prepaid);
        _name(view_, 2);
        (view_.indices[0], view_.indices[1]) = (swap.indexIn, swap.indexOut);
        (view_.route, view_.called, view_.extra) = (swap.route, swap.call.pool, swap.call.extra);
        view_.amounts[0] = swap.call.amountIn;
        paysNext = swap.recipient == Kinds.TO_NEXT_POOL;
        if (paysNext) SwapCodec.nextPool(program, next, swap);
    }

    function _name(StepView memory view_, uint256 count) private pure {
        view_.indices = new uint256[](count);
        view_.amounts = new uint256[](count);
    }
}

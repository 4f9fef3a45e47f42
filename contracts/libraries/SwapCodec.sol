// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRebalanceExecutor} from "../../interfaces/IRebalanceExecutor.sol";
import {BalancerV2Swap} from "../swaps/BalancerV2Swap.sol";
import {SwapCall} from "../swaps/SwapCall.sol";
import {UniswapV2Swap} from "../swaps/UniswapV2Swap.sol";
import {UniswapV3Swap} from "../swaps/UniswapV3Swap.sol";
import {Kinds} from "./Kinds.sol";
import {ProgramCodec} from "./ProgramCodec.sol";

/// @title Reads swap steps, and refuses routes that do not fit together.
library SwapCodec {
    using ProgramCodec for bytes;

    /// @dev A swap as it is written; `call.amountIn` holds the written amount, in terms of `mode`.
    struct Swap {
        SwapCall call;
        uint256 indexIn;
        uint256 indexOut;
        uint256 route;
        uint256 recipient;
        uint256 mode;
    }

    uint256 private constant ROUTE = 1;
    uint256 private constant INDEX_IN = 2;
    uint256 private constant INDEX_OUT = 3;
    uint256 private constant AMOUNT = 4;
    uint256 private constant POOL = 20;
    uint256 private constant EXTRA = 40;

    /// @dev One line per AMM: how many bytes follow the pool.
    function extraBytes(uint256 step, uint256 kind) internal pure returns (uint256) {
        if (kind == Kinds.UNISWAP_V2) return UniswapV2Swap.EXTRA_BYTES;
        if (kind == Kinds.UNISWAP_V3) return UniswapV3Swap.EXTRA_BYTES;
        if (kind == Kinds.BALANCER_V2_WEIGHTED) return BalancerV2Swap.EXTRA_BYTES;
        revert IRebalanceExecutor.UnknownStep(step, kind);
    }

    /// @param prepaid whether the step before has paid this pool.
    /// @return swap the step; recipient and owner of its call are not set.
    /// @return next where the next step begins.
    function read(
        bytes calldata program,
        uint256 cursor,
        uint256 step,
        uint256 kind,
        bool prepaid
    ) internal pure returns (Swap memory swap, uint256 next) {
        uint256 extra = extraBytes(step, kind);
        unchecked {
            next = cursor + EXTRA + extra;
            program.requireLength(next);
            swap.indexIn = program.tokenIndex(cursor + INDEX_IN, step);
            swap.indexOut = program.tokenIndex(cursor + INDEX_OUT, step);
            swap.route = program.u8(cursor + ROUTE);
            swap.recipient = (swap.route >> 2) & 3;
            swap.mode = swap.route >> 4;
            SwapCall memory call = swap.call;
            call.step = step;
            call.payer = swap.route & 3;
            _requireFit(swap, prepaid);
            call.tokenIn = program.token(swap.indexIn);
            call.tokenOut = program.token(swap.indexOut);
            call.amountIn = program.u128(cursor + AMOUNT);
            call.pool = program.addressAt(cursor + POOL);
            if (extra != 0) call.extra = uint256(program.bytes32At(cursor + EXTRA)) >> (8 * (32 - extra));
        }
    }

    function _requireFit(Swap memory swap, bool prepaid) private pure {
        uint256 payer = swap.call.payer;
        bool fits =
            swap.mode <= Kinds.REMAINDER &&
                swap.recipient <= Kinds.TO_NEXT_POOL &&
                payer <= Kinds.PAYER_PREPAID &&
                swap.indexIn != swap.indexOut &&
                prepaid == (payer == Kinds.PAYER_PREPAID) &&
                (!prepaid || swap.mode == Kinds.REMAINDER) &&
                (payer != Kinds.PAYER_OWNER || swap.mode == Kinds.LITERAL);
        require(fits, IRebalanceExecutor.IllegalRoute(swap.call.step, swap.route));
    }

    /// @dev The pool of the step at `cursor`: another Uniswap v2 pair, prepaid, that takes what `swap` puts out.
    function nextPool(bytes calldata program, uint256 cursor, Swap memory swap) internal pure returns (address pool) {
        program.requireLength(cursor + EXTRA);
        pool = program.addressAt(cursor + POOL);
        bool fits =
            program.u8(cursor) == Kinds.UNISWAP_V2 &&
                program.u8(cursor + ROUTE) & 3 == Kinds.PAYER_PREPAID &&
                program.u8(cursor + INDEX_IN) == swap.indexOut &&
                pool != swap.call.pool;
        require(fits, IRebalanceExecutor.IllegalRoute(swap.call.step, swap.route));
    }
}

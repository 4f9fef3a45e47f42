// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRebalanceExecutor} from "../../interfaces/IRebalanceExecutor.sol";
import {IUniswapV2Pair} from "../../interfaces/external/IUniswapV2Pair.sol";
import {Calls} from "../libraries/Calls.sol";
import {Kinds} from "../libraries/Kinds.sol";
import {Tokens} from "../libraries/Tokens.sol";
import {SwapCall} from "./SwapCall.sol";

/// @title Swaps through a Uniswap v2 pair, or a fork of it with another fee.
library UniswapV2Swap {
    uint256 internal constant EXTRA_BYTES = 3;
    uint256 private constant PIPS = 1_000_000;

    function swap(SwapCall memory call) internal {
        require(call.extra < PIPS, IRebalanceExecutor.IllegalFee(call.step, call.extra));
        bool zeroForOne = call.tokenIn < call.tokenOut;
        (uint256 reserve0, uint256 reserve1) = Calls.readPair(
            call.step,
            call.pool,
            abi.encodeCall(IUniswapV2Pair.getReserves, ())
        );
        (uint256 reserveIn, uint256 reserveOut) = zeroForOne ? (reserve0, reserve1) : (reserve1, reserve0);
        uint256 amountIn = _pay(call, reserveIn);
        require(
            (amountIn | reserveIn | reserveOut) <= type(uint112).max,
            IRebalanceExecutor.AmountTooLarge(call.tokenIn, amountIn)
        );
        uint256 amountOut = _amountOut(amountIn, reserveIn, reserveOut, call.extra);
        (uint256 out0, uint256 out1) = zeroForOne ? (uint256(0), amountOut) : (amountOut, uint256(0));
        Calls.invoke(call.step, call.pool, abi.encodeCall(IUniswapV2Pair.swap, (out0, out1, call.recipient, "")));
    }

    function _pay(SwapCall memory call, uint256 reserveIn) private returns (uint256 amountIn) {
        if (call.payer == Kinds.PAYER_PREPAID) {
            uint256 balance = Tokens.balanceOf(call.tokenIn, call.pool);
            require(balance > reserveIn, IRebalanceExecutor.ZeroAmount(call.step));
            unchecked {
                return balance - reserveIn;
            }
        }
        amountIn = call.amountIn;
        if (call.payer == Kinds.PAYER_OWNER) {
            Tokens.sendFrom(call.step, call.tokenIn, call.owner, call.pool, amountIn);
        } else {
            Tokens.send(call.step, call.tokenIn, call.pool, amountIn);
        }
    }

    /// @dev The largest output that the pair's invariant allows (UniswapV2Pair.swap, k check), rounded down. Scaling
    /// 997 / 1000 to pips changes no result. Arguments are below 2^112 and 2^20, so nothing overflows.
    function _amountOut(
        uint256 amountIn,
        uint256 reserveIn,
        uint256 reserveOut,
        uint256 feePips
    ) private pure returns (uint256) {
        unchecked {
            uint256 taxed = amountIn * (PIPS - feePips);
            return (taxed * reserveOut) / (reserveIn * PIPS + taxed);
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRebalanceExecutor} from "../../interfaces/IRebalanceExecutor.sol";
import {IUniswapV3Pool} from "../../interfaces/external/IUniswapV3Pool.sol";
import {CallbackGuard} from "../libraries/CallbackGuard.sol";
import {Calls} from "../libraries/Calls.sol";
import {Kinds} from "../libraries/Kinds.sol";
import {Tokens} from "../libraries/Tokens.sol";
import {SwapCall} from "./SwapCall.sol";

/// @title Swaps through a Uniswap v3 pool, which asks for its payment in a callback.
/// @notice The callback's data, committed to before the call: address tokenIn | u128 amountIn | u8 flags.
library UniswapV3Swap {
    uint256 internal constant EXTRA_BYTES = 0;
    /// @dev One inside TickMath.MIN_SQRT_RATIO and MAX_SQRT_RATIO: no limit within the pool's range.
    uint160 private constant LOWEST_SQRT_PRICE_X96 = 4295128739 + 1;
    uint160 private constant HIGHEST_SQRT_PRICE_X96 = 1461446703485210103287273052203988822378723970342 - 1;
    uint256 private constant OWNER_PAYS = 1;
    uint256 private constant ZERO_FOR_ONE = 2;

    function swap(SwapCall memory call) internal {
        bool zeroForOne = call.tokenIn < call.tokenOut;
        uint256 flags = (call.payer == Kinds.PAYER_OWNER ? OWNER_PAYS : 0) | (zeroForOne ? ZERO_FOR_ONE : 0);
        // amountIn is below 2^128: a literal or a share of a ledger word.
        bytes memory data = abi.encodePacked(call.tokenIn, uint128(call.amountIn), uint8(flags));
        CallbackGuard.arm(call.pool, Kinds.UNISWAP_V3, call.step, 0, 0, keccak256(data));
        Calls.invoke(
            call.step,
            call.pool,
            abi.encodeCall(
                IUniswapV3Pool.swap,
                (
                    call.recipient,
                    zeroForOne,
                    int256(call.amountIn),
                    zeroForOne ? LOWEST_SQRT_PRICE_X96 : HIGHEST_SQRT_PRICE_X96,
                    data
                )
            )
        );
        CallbackGuard.requireDone(call.step, call.pool);
    }

    /// @dev Pays the calling pool what the step committed to: all of it or nothing.
    function pay(int256 amount0, int256 amount1, bytes calldata data, address owner) internal {
        (uint256 step, , ) = CallbackGuard.disarm(Kinds.UNISWAP_V3, data);
        address token = address(bytes20(data[0:20]));
        uint256 amountIn = uint128(bytes16(data[20:36]));
        uint256 flags = uint8(data[36]);
        (int256 asked, int256 other) = flags & ZERO_FOR_ONE != 0 ? (amount0, amount1) : (amount1, amount0);
        if (other > 0 || asked < 0 || uint256(asked) > amountIn) {
            revert IRebalanceExecutor.UnexpectedPayment(step, amount0, amount1, amountIn);
        }
        require(uint256(asked) == amountIn, IRebalanceExecutor.PartialFill(step, amountIn, uint256(asked)));
        if (flags & OWNER_PAYS != 0) {
            Tokens.sendFrom(step, token, owner, msg.sender, amountIn);
        } else {
            Tokens.send(step, token, msg.sender, amountIn);
        }
    }
}

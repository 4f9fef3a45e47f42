// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ICallbacks} from "../../interfaces/external/ICallbacks.sol";

/// @title Has the swap functions of Uniswap v2, Uniswap v3 and PancakeSwap v3 pools and misbehaves as told. For tests.
contract HostilePool {
    enum Mode {
        NEVER_CALL_BACK,
        ASK_MORE,
        ASK_LESS,
        ASK_OTHER_TOKEN,
        ASK_BOTH,
        CALL_TWICE,
        OTHER_DATA,
        OTHER_CALLBACK,
        PAY_NOTHING,
        REVERT_WITH_DATA
    }

    error Hostile(uint256 value);

    Mode public mode;
    bool public pancake;
    uint112 public reserve0;
    uint112 public reserve1;

    constructor(Mode mode_, bool pancake_) {
        (mode, pancake) = (mode_, pancake_);
        (reserve0, reserve1) = (1 << 80, 1 << 80);
    }

    function getReserves() external view returns (uint112, uint112, uint32) {
        return (reserve0, reserve1, 0);
    }

    function swap(uint256, uint256, address, bytes calldata) external view {
        if (mode == Mode.REVERT_WITH_DATA) revert Hostile(7);
    }

    function swap(
        address,
        bool zeroForOne,
        int256 amountIn,
        uint160,
        bytes calldata data
    ) external returns (int256, int256) {
        if (mode == Mode.REVERT_WITH_DATA) revert Hostile(7);
        if (mode == Mode.NEVER_CALL_BACK) return (amountIn, -amountIn);
        if (mode == Mode.ASK_MORE) _ask(zeroForOne, amountIn + 1, 0, data);
        else if (mode == Mode.ASK_LESS) _ask(zeroForOne, amountIn - 1, 0, data);
        else if (mode == Mode.ASK_OTHER_TOKEN) _ask(!zeroForOne, amountIn, 0, data);
        else if (mode == Mode.ASK_BOTH) _ask(zeroForOne, amountIn, 1, data);
        else if (mode == Mode.OTHER_DATA) _ask(zeroForOne, amountIn, 0, abi.encodePacked(data, data));
        else if (mode == Mode.OTHER_CALLBACK) _lend(data);
        else _ask(zeroForOne, amountIn, 0, data);
        if (mode == Mode.CALL_TWICE) _ask(zeroForOne, amountIn, 0, data);
        return (amountIn, -amountIn);
    }

    function _ask(bool zeroForOne, int256 asked, int256 other, bytes memory data) private {
        (int256 amount0, int256 amount1) = zeroForOne ? (asked, other) : (other, asked);
        if (pancake) ICallbacks(msg.sender).pancakeV3SwapCallback(amount0, amount1, data);
        else ICallbacks(msg.sender).uniswapV3SwapCallback(amount0, amount1, data);
    }

    function _lend(bytes memory data) private {
        if (pancake) ICallbacks(msg.sender).pancakeV3FlashCallback(0, 0, data);
        else ICallbacks(msg.sender).uniswapV3FlashCallback(0, 0, data);
    }
}

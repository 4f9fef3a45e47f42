// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBalancerV2Vault} from "../../interfaces/external/IBalancerV2Vault.sol";
import {Calls} from "../libraries/Calls.sol";
import {Tokens} from "../libraries/Tokens.sol";
import {SwapCall} from "./SwapCall.sol";

/// @title Swaps through a pool of the Balancer v2 Vault, which takes its payment from the executor by allowance.
library BalancerV2Swap {
    uint256 internal constant EXTRA_BYTES = 32;

    function swap(SwapCall memory call) internal {
        Tokens.approve(call.step, call.tokenIn, call.pool, call.amountIn);
        Calls.invoke(call.step, call.pool, _encode(call));
        Tokens.revoke(call.step, call.tokenIn, call.pool);
    }

    function _encode(SwapCall memory call) private view returns (bytes memory) {
        IBalancerV2Vault.SingleSwap memory single = IBalancerV2Vault.SingleSwap({
            poolId: bytes32(call.extra),
            kind: IBalancerV2Vault.SwapKind.GIVEN_IN,
            assetIn: call.tokenIn,
            assetOut: call.tokenOut,
            amount: call.amountIn,
            userData: ""
        });
        IBalancerV2Vault.FundManagement memory funds = IBalancerV2Vault.FundManagement({
            sender: address(this),
            fromInternalBalance: false,
            recipient: payable(call.recipient),
            toInternalBalance: false
        });
        return abi.encodeCall(IBalancerV2Vault.swap, (single, funds, 0, type(uint256).max));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ICallbacks} from "../../interfaces/external/ICallbacks.sol";
import {CallbackGuard} from "../libraries/CallbackGuard.sol";
import {Kinds} from "../libraries/Kinds.sol";
import {Ledger} from "../libraries/Ledger.sol";
import {LoanCodec} from "../libraries/LoanCodec.sol";
import {ProgramCodec} from "../libraries/ProgramCodec.sol";
import {Tokens} from "../libraries/Tokens.sol";
import {UniswapV3Loan} from "../loans/UniswapV3Loan.sol";
import {UniswapV3Swap} from "../swaps/UniswapV3Swap.sol";
import {StepDispatcher} from "./StepDispatcher.sol";

/// @title Takes the callbacks of lenders and pools; accepts only the one that is due.
abstract contract FlashBorrower is StepDispatcher, ICallbacks {
    using ProgramCodec for bytes;

    /// @inheritdoc ICallbacks
    function onMorphoFlashLoan(uint256, bytes calldata data) external {
        _resume(Kinds.MORPHO_BLUE, data, new uint256[](1));
    }

    /// @inheritdoc ICallbacks
    function executeOperation(
        address,
        uint256,
        uint256 premium,
        address initiator,
        bytes calldata params
    ) external returns (bool) {
        require(initiator == address(this), UnexpectedInitiator(initiator));
        uint256[] memory premiums = new uint256[](1);
        premiums[0] = premium;
        _resume(Kinds.AAVE_V3, params, premiums);
        return true;
    }

    /// @inheritdoc ICallbacks
    function executeOperation(
        address[] calldata,
        uint256[] calldata,
        uint256[] calldata premiums,
        address initiator,
        bytes calldata params
    ) external returns (bool) {
        require(initiator == address(this), UnexpectedInitiator(initiator));
        _resume(Kinds.AAVE_V3_MULTI, params, premiums);
        return true;
    }

    /// @inheritdoc ICallbacks
    function receiveFlashLoan(
        address[] calldata,
        uint256[] calldata,
        uint256[] calldata feeAmounts,
        bytes calldata userData
    ) external {
        _resume(Kinds.BALANCER_V2, userData, feeAmounts);
    }

    /// @inheritdoc ICallbacks
    function uniswapV3FlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external {
        _resumeFlash(fee0, fee1, data);
    }

    /// @inheritdoc ICallbacks
    function uniswapV3SwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata data) external {
        UniswapV3Swap.pay(amount0Delta, amount1Delta, data, OWNER);
    }

    /// @inheritdoc ICallbacks
    function pancakeV3FlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external {
        _resumeFlash(fee0, fee1, data);
    }

    /// @inheritdoc ICallbacks
    function pancakeV3SwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata data) external {
        UniswapV3Swap.pay(amount0Delta, amount1Delta, data, OWNER);
    }

    function _resumeFlash(uint256 fee0, uint256 fee1, bytes calldata data) private {
        uint256[] memory fees = new uint256[](2);
        (fees[0], fees[1]) = (fee0, fee1);
        _resume(Kinds.UNISWAP_V3_FLASH, data, fees);
    }

    /// @dev Books the loan, runs the steps after it, and repays it.
    /// @param data the program, then one word per borrowed token: the balance here before the loan.
    function _resume(uint256 kind, bytes calldata data, uint256[] memory premiums) private {
        (uint256 step, uint256 cursor, uint256 length) = CallbackGuard.disarm(kind, data);
        bytes calldata program = data[:length];
        uint256 count = LoanCodec.tokenCount(program, cursor);
        if (kind == Kinds.UNISWAP_V3_FLASH) premiums = UniswapV3Loan.premiums(premiums, count);
        require(premiums.length == count, PremiumCountMismatch(step, count, premiums.length));
        for (uint256 i = 0; i < count; ++i) {
            (uint256 index, uint256 amount) = LoanCodec.row(program, cursor, i);
            address token = program.token(index);
            uint256 received = Tokens.received(token, uint256(data.bytes32At(length + 32 * i)));
            Ledger.openLoan(index, token, received, amount + premiums[i]);
        }
        _run(program, LoanCodec.end(cursor, count), step + 1);
        for (uint256 i = 0; i < count; ++i) {
            (uint256 index, uint256 amount) = LoanCodec.row(program, cursor, i);
            _repay(kind, step, index, program.token(index), amount + premiums[i]);
        }
    }

    function _repay(uint256 kind, uint256 step, uint256 index, address token, uint256 due) private {
        Ledger.closeLoan(index, step, token, due);
        if (LoanCodec.takesByAllowance(kind)) Tokens.approve(step, token, msg.sender, due);
        else Tokens.send(step, token, msg.sender, due);
    }
}

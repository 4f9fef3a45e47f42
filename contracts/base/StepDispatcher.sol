// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRebalanceExecutor} from "../../interfaces/IRebalanceExecutor.sol";
import {Bounds} from "../libraries/Bounds.sol";
import {CallbackGuard} from "../libraries/CallbackGuard.sol";
import {Kinds} from "../libraries/Kinds.sol";
import {Ledger} from "../libraries/Ledger.sol";
import {LoanCodec} from "../libraries/LoanCodec.sol";
import {ProgramCodec} from "../libraries/ProgramCodec.sol";
import {SwapCodec} from "../libraries/SwapCodec.sol";
import {Tokens} from "../libraries/Tokens.sol";
import {AaveV3Loan} from "../loans/AaveV3Loan.sol";
import {BalancerV2Loan} from "../loans/BalancerV2Loan.sol";
import {LoanCall} from "../loans/LoanCall.sol";
import {MorphoLoan} from "../loans/MorphoLoan.sol";
import {UniswapV3Loan} from "../loans/UniswapV3Loan.sol";
import {BalancerV2Swap} from "../swaps/BalancerV2Swap.sol";
import {SwapCall} from "../swaps/SwapCall.sol";
import {UniswapV2Swap} from "../swaps/UniswapV2Swap.sol";
import {UniswapV3Swap} from "../swaps/UniswapV3Swap.sol";

/// @title Runs the steps of a program one by one. The only place that branches on a step's kind.
abstract contract StepDispatcher is IRebalanceExecutor {
    using ProgramCodec for bytes;

    uint256 private constant CHECK_BYTES = 1;
    uint256 private constant MOVE_BYTES = 2;
    uint256 private constant PULL_BYTES = 18;

    /// @inheritdoc IRebalanceExecutor
    address public immutable OWNER;

    constructor(address owner) {
        OWNER = owner;
    }

    // --- the tables: one line per lender, one line per AMM ---

    function _lend(uint256 kind, LoanCall memory loan) private {
        if (kind == Kinds.MORPHO_BLUE) MorphoLoan.borrow(loan);
        else if (kind == Kinds.AAVE_V3) AaveV3Loan.borrow(loan);
        else if (kind == Kinds.AAVE_V3_MULTI) AaveV3Loan.borrowMulti(loan);
        else if (kind == Kinds.BALANCER_V2) BalancerV2Loan.borrow(loan);
        else UniswapV3Loan.borrow(loan);
    }

    function _trade(uint256 kind, SwapCall memory call) private {
        if (kind == Kinds.UNISWAP_V2) UniswapV2Swap.swap(call);
        else if (kind == Kinds.UNISWAP_V3) UniswapV3Swap.swap(call);
        else BalancerV2Swap.swap(call);
    }

    // --- steps ---

    /// @dev Runs the steps from `cursor` to the end. A loan's callback runs all that follow the loan.
    function _run(bytes calldata program, uint256 cursor, uint256 step) internal {
        bool prepaid = false;
        while (cursor < program.length) {
            uint256 kind = program.u8(cursor);
            if (kind >= Kinds.FIRST_SWAP) {
                (cursor, prepaid) = _swap(program, cursor, step, kind, prepaid);
            } else if (kind >= Kinds.FIRST_LOAN) {
                _borrow(program, cursor, step, kind);
                return;
            } else {
                cursor = _move(program, cursor, step, kind);
            }
            unchecked {
                ++step;
            }
        }
    }

    /// @dev PULL, PULL_OWED, DELIVER, CHECK.
    function _move(bytes calldata program, uint256 cursor, uint256 step, uint256 kind) private returns (uint256 next) {
        if (kind == Kinds.CHECK) {
            Bounds.checkReceived(program, step, OWNER);
            unchecked {
                return cursor + CHECK_BYTES;
            }
        }
        require(kind != 0 && kind < Kinds.CHECK, UnknownStep(step, kind));
        unchecked {
            next = cursor + (kind == Kinds.PULL ? PULL_BYTES : MOVE_BYTES);
            program.requireLength(next);
            uint256 index = program.tokenIndex(cursor + 1, step);
            if (kind == Kinds.DELIVER) {
                uint256 held = Ledger.drain(index);
                if (held != 0) Tokens.send(step, program.token(index), OWNER, held);
            } else {
                _pull(program, step, index, kind == Kinds.PULL ? program.u128(cursor + 2) : Ledger.lacking(index));
            }
        }
    }

    function _pull(bytes calldata program, uint256 step, uint256 index, uint256 amount) private {
        if (amount == 0) return;
        address token = program.token(index);
        Ledger.countPull(index, step, token, amount, program.maxSpent(index));
        uint256 balanceBefore = Tokens.balanceOf(token, address(this));
        Tokens.sendFrom(step, token, OWNER, address(this), amount);
        Ledger.credit(index, token, Tokens.received(token, balanceBefore));
    }

    // --- swaps ---

    /// @return next where the next step begins.
    /// @return paysNext whether the next step's pool has been paid.
    function _swap(
        bytes calldata program,
        uint256 cursor,
        uint256 step,
        uint256 kind,
        bool prepaid
    ) private returns (uint256 next, bool paysNext) {
        SwapCodec.Swap memory swap;
        (swap, next) = SwapCodec.read(program, cursor, step, kind, prepaid);
        SwapCall memory call = swap.call;
        call.owner = OWNER;
        if (!prepaid) _fund(program, swap, kind);
        paysNext = swap.recipient == Kinds.TO_NEXT_POOL;
        if (paysNext) {
            call.recipient = SwapCodec.nextPool(program, next, swap);
            _trade(kind, call);
        } else if (swap.recipient == Kinds.TO_OWNER) {
            call.recipient = OWNER;
            _trade(kind, call);
        } else {
            call.recipient = address(this);
            uint256 balanceBefore = Tokens.balanceOf(call.tokenOut, address(this));
            _trade(kind, call);
            Ledger.credit(swap.indexOut, call.tokenOut, Tokens.received(call.tokenOut, balanceBefore));
        }
    }

    /// @dev Finds the amount and takes it out of the ledger, or counts it as a pull.
    function _fund(bytes calldata program, SwapCodec.Swap memory swap, uint256 kind) private {
        SwapCall memory call = swap.call;
        uint256 amount = call.amountIn;
        if (swap.mode == Kinds.SHARE) amount = (Ledger.held(swap.indexIn) * amount) >> 64;
        else if (swap.mode == Kinds.REMAINDER) amount = Ledger.held(swap.indexIn);
        require(amount != 0, ZeroAmount(call.step));
        call.amountIn = amount;
        if (call.payer == Kinds.PAYER_OWNER) {
            if (kind != Kinds.BALANCER_V2_WEIGHTED) {
                uint256 maxSpent = program.maxSpent(swap.indexIn);
                Ledger.countPull(swap.indexIn, call.step, call.tokenIn, amount, maxSpent);
                return;
            }
            // The Vault takes from its caller only, so the owner's tokens pass through here.
            _pull(program, call.step, swap.indexIn, amount);
        }
        Ledger.debit(swap.indexIn, call.step, call.tokenIn, amount);
    }

    // --- loans ---

    function _borrow(bytes calldata program, uint256 cursor, uint256 step, uint256 kind) private {
        LoanCall memory loan = LoanCodec.read(program, cursor, step, kind);
        CallbackGuard.arm(loan.lender, kind, step, cursor, program.length, keccak256(loan.data));
        _lend(kind, loan);
        CallbackGuard.requireDone(step, loan.lender);
        if (!LoanCodec.takesByAllowance(kind)) return;
        for (uint256 i = 0; i < loan.tokens.length; ++i) {
            Tokens.revoke(step, loan.tokens[i], loan.lender);
        }
    }
}

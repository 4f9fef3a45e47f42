// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRebalanceExecutor} from "../../interfaces/IRebalanceExecutor.sol";
import {AaveV3Loan} from "../loans/AaveV3Loan.sol";
import {BalancerV2Loan} from "../loans/BalancerV2Loan.sol";
import {LoanCall} from "../loans/LoanCall.sol";
import {MorphoLoan} from "../loans/MorphoLoan.sol";
import {UniswapV3Loan} from "../loans/UniswapV3Loan.sol";
import {Kinds} from "./Kinds.sol";
import {ProgramCodec} from "./ProgramCodec.sol";
import {Tokens} from "./Tokens.sol";

/// @title Reads loan steps.
library LoanCodec {
    using ProgramCodec for bytes;

    uint256 private constant LENDER = 1;
    uint256 private constant COUNT = 21;
    uint256 private constant ROWS = 22;
    uint256 private constant ROW_BYTES = 17;

    /// @dev One line per lender: how many tokens one loan carries.
    function maxTokens(uint256 step, uint256 kind) internal pure returns (uint256) {
        if (kind == Kinds.MORPHO_BLUE) return MorphoLoan.MAX_TOKENS;
        if (kind == Kinds.AAVE_V3) return AaveV3Loan.MAX_TOKENS;
        if (kind == Kinds.AAVE_V3_MULTI) return AaveV3Loan.MAX_TOKENS_MULTI;
        if (kind == Kinds.BALANCER_V2) return BalancerV2Loan.MAX_TOKENS;
        if (kind == Kinds.UNISWAP_V3_FLASH) return UniswapV3Loan.MAX_TOKENS;
        revert IRebalanceExecutor.UnknownStep(step, kind);
    }

    /// @dev Whether the lender takes its tokens back by transferFrom; the others must be paid.
    function takesByAllowance(uint256 kind) internal pure returns (bool) {
        return kind <= Kinds.AAVE_V3_MULTI;
    }

    /// @dev Reads and checks the loan at `cursor`, and the balances here before it.
    function read(
        bytes calldata program,
        uint256 cursor,
        uint256 step,
        uint256 kind
    ) internal view returns (LoanCall memory loan) {
        uint256 most = maxTokens(step, kind);
        program.requireLength(cursor + ROWS);
        uint256 count = program.u8(cursor + COUNT);
        require(count != 0 && count <= most, IRebalanceExecutor.IllegalTokenCount(step, count, most));
        program.requireLength(end(cursor, count));
        loan.step = step;
        loan.lender = program.addressAt(cursor + LENDER);
        loan.tokens = new address[](count);
        loan.amounts = new uint256[](count);
        uint256[] memory balances = new uint256[](count);
        address previous;
        for (uint256 i = 0; i < count; ++i) {
            (uint256 index, uint256 amount) = row(program, cursor, i);
            program.requireToken(index, step);
            address token = program.token(index);
            require(i == 0 || token > previous, IRebalanceExecutor.LoanTokensNotAscending(step, previous, token));
            previous = token;
            loan.tokens[i] = token;
            loan.amounts[i] = amount;
            balances[i] = Tokens.balanceOf(token, address(this));
        }
        loan.data = abi.encodePacked(program, balances);
    }

    function tokenCount(bytes calldata program, uint256 cursor) internal pure returns (uint256) {
        return program.u8(cursor + COUNT);
    }

    /// @dev The `i`-th borrowed token, by index, and its amount.
    function row(bytes calldata program, uint256 cursor, uint256 i) internal pure returns (uint256, uint256) {
        unchecked {
            uint256 at = cursor + ROWS + i * ROW_BYTES;
            return (program.u8(at), program.u128(at + 1));
        }
    }

    /// @dev Where the step after a loan of `count` tokens begins.
    function end(uint256 cursor, uint256 count) internal pure returns (uint256) {
        unchecked {
            return cursor + ROWS + count * ROW_BYTES;
        }
    }
}

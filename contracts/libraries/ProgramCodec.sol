// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRebalanceExecutor} from "../../interfaces/IRebalanceExecutor.sol";

/// @title Reads the bytes of a program where they lie in calldata. The mirror of router/encoder.py.
/// @notice Readers trust that `requireLength` or `checkHead` covers what they read.
library ProgramCodec {
    uint256 internal constant VERSION = 1;
    /// @dev Cursors and lengths travel in 24 bits of a transient word.
    uint256 internal constant MAX_BYTES = type(uint24).max;

    uint256 private constant DEADLINE = 1;
    uint256 private constant FIRST_BLOCK = 6;
    uint256 private constant LAST_BLOCK = 11;
    uint256 private constant MIN_VALUE_CHANGE = 16;
    uint256 private constant TOKEN_COUNT = 48;
    uint256 internal constant HEAD_BYTES = 49;

    uint256 private constant MAX_SPENT = 20;
    uint256 private constant MIN_RECEIVED = 36;
    uint256 private constant PRICE = 52;
    uint256 private constant MIN_WEIGHT = 68;
    uint256 internal constant TOKEN_BYTES = 74;

    /// @dev Version, length and uniqueness of the tokens.
    /// @return count number of tokens.
    /// @return firstStep where the steps begin.
    function checkHead(bytes calldata program) internal pure returns (uint256 count, uint256 firstStep) {
        requireLength(program, HEAD_BYTES);
        require(program.length <= MAX_BYTES, IRebalanceExecutor.ProgramTooLong(program.length, MAX_BYTES));
        uint256 version = u8(program, 0);
        require(version == VERSION, IRebalanceExecutor.UnsupportedVersion(version));
        count = tokenCount(program);
        firstStep = _row(count);
        requireLength(program, firstStep);
        _requireUnique(program, count);
    }

    /// @dev Addresses that share their low byte with an earlier one, and only those, are compared with all earlier ones.
    function _requireUnique(bytes calldata program, uint256 count) private pure {
        uint256 seen;
        for (uint256 i = 0; i < count; ++i) {
            address current = token(program, i);
            uint256 bit = 1 << (uint160(current) & 0xff);
            if (seen & bit != 0) {
                for (uint256 j = 0; j < i; ++j) {
                    require(token(program, j) != current, IRebalanceExecutor.DuplicateToken(i, current));
                }
            }
            seen |= bit;
        }
    }

    function requireLength(bytes calldata program, uint256 needed) internal pure {
        require(needed <= program.length, IRebalanceExecutor.TruncatedProgram(needed, program.length));
    }

    // --- head ---

    function deadline(bytes calldata program) internal pure returns (uint256) {
        return _word(program, DEADLINE) >> 216;
    }

    function firstBlock(bytes calldata program) internal pure returns (uint256) {
        return _word(program, FIRST_BLOCK) >> 216;
    }

    function lastBlock(bytes calldata program) internal pure returns (uint256) {
        return _word(program, LAST_BLOCK) >> 216;
    }

    function minValueChange(bytes calldata program) internal pure returns (int256) {
        return int256(_word(program, MIN_VALUE_CHANGE));
    }

    function tokenCount(bytes calldata program) internal pure returns (uint256) {
        return u8(program, TOKEN_COUNT);
    }

    // --- tokens ---

    function token(bytes calldata program, uint256 index) internal pure returns (address) {
        return address(uint160(_field(program, index, 0) >> 96));
    }

    function maxSpent(bytes calldata program, uint256 index) internal pure returns (uint256) {
        return _field(program, index, MAX_SPENT) >> 128;
    }

    function minReceived(bytes calldata program, uint256 index) internal pure returns (uint256) {
        return _field(program, index, MIN_RECEIVED) >> 128;
    }

    function price(bytes calldata program, uint256 index) internal pure returns (uint256) {
        return _field(program, index, PRICE) >> 128;
    }

    function weights(bytes calldata program, uint256 index) internal pure returns (uint256 minPips, uint256 maxPips) {
        uint256 word = _field(program, index, MIN_WEIGHT);
        return (word >> 232, (word >> 208) & type(uint24).max);
    }

    /// @dev Whether the owner's balance matters: bounded or priced.
    function isRead(bytes calldata program, uint256 index) internal pure returns (bool) {
        return _field(program, index, MAX_SPENT) | (_field(program, index, PRICE) >> 128) != 0;
    }

    // --- steps ---

    /// @dev The token index that stands at `at`.
    function tokenIndex(bytes calldata program, uint256 at, uint256 step) internal pure returns (uint256 index) {
        index = u8(program, at);
        requireToken(program, index, step);
    }

    function requireToken(bytes calldata program, uint256 index, uint256 step) internal pure {
        uint256 count = tokenCount(program);
        require(index < count, IRebalanceExecutor.UnknownToken(step, index, count));
    }

    function u8(bytes calldata program, uint256 at) internal pure returns (uint256) {
        return _word(program, at) >> 248;
    }

    function u24(bytes calldata program, uint256 at) internal pure returns (uint256) {
        return _word(program, at) >> 232;
    }

    function u128(bytes calldata program, uint256 at) internal pure returns (uint256) {
        return _word(program, at) >> 128;
    }

    function addressAt(bytes calldata program, uint256 at) internal pure returns (address) {
        return address(uint160(_word(program, at) >> 96));
    }

    function bytes32At(bytes calldata program, uint256 at) internal pure returns (bytes32) {
        return bytes32(_word(program, at));
    }

    /// @dev Positions are below 2^25, so no sum here overflows.
    function _row(uint256 index) private pure returns (uint256) {
        unchecked {
            return HEAD_BYTES + index * TOKEN_BYTES;
        }
    }

    /// @dev The word at `field` of the token's row.
    function _field(bytes calldata program, uint256 index, uint256 field) private pure returns (uint256) {
        unchecked {
            return _word(program, _row(index) + field);
        }
    }

    function _word(bytes calldata program, uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(program.offset, at))
        }
    }
}

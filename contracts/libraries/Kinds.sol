// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The kind bytes that lead the steps of a program, and the codes inside a route.
library Kinds {
    uint256 internal constant PULL = 0x01;
    uint256 internal constant PULL_OWED = 0x02;
    uint256 internal constant DELIVER = 0x03;
    uint256 internal constant CHECK = 0x04;

    uint256 internal constant FIRST_LOAN = 0x10;
    uint256 internal constant MORPHO_BLUE = 0x10;
    uint256 internal constant AAVE_V3 = 0x11;
    uint256 internal constant AAVE_V3_MULTI = 0x12;
    uint256 internal constant BALANCER_V2 = 0x13;
    uint256 internal constant UNISWAP_V3_FLASH = 0x14;

    uint256 internal constant FIRST_SWAP = 0x20;
    uint256 internal constant UNISWAP_V2 = 0x20;
    uint256 internal constant UNISWAP_V3 = 0x21;
    uint256 internal constant BALANCER_V2_WEIGHTED = 0x22;

    uint256 internal constant PAYER_EXECUTOR = 0;
    uint256 internal constant PAYER_OWNER = 1;
    uint256 internal constant PAYER_PREPAID = 2;

    uint256 internal constant TO_EXECUTOR = 0;
    uint256 internal constant TO_OWNER = 1;
    uint256 internal constant TO_NEXT_POOL = 2;

    uint256 internal constant LITERAL = 0;
    uint256 internal constant SHARE = 1;
    uint256 internal constant REMAINDER = 2;
}

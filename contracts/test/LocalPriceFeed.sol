// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title A price feed of the local chain, with the reading side of Chainlink's AggregatorV3Interface.
/// @notice Anyone may set the answer: never use it outside a local chain.
contract LocalPriceFeed {
    /// @notice Decimals of every answer: USD per whole token, times 10^8.
    uint8 public constant decimals = 8;
    uint256 public constant version = 1;

    string public description;
    int256 public latestAnswer;
    uint80 public latestRound;
    uint256 public latestTimestamp;

    constructor(string memory description_, int256 answer) {
        description = description_;
        setAnswer(answer);
    }

    /// @notice Starts a new round with this answer, USD per whole token times 10^8.
    function setAnswer(int256 answer) public {
        latestAnswer = answer;
        latestTimestamp = block.timestamp;
        ++latestRound;
    }

    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        return (latestRound, latestAnswer, latestTimestamp, latestTimestamp, latestRound);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title A price feed of the local chain, with the reading side of Chainlink's AggregatorV3Interface.
/// @notice Anyone may set the answer: never use it outside a local chain.
contract LocalPriceFeed {
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

    /// @notice Decimals of every answer.
    function decimals() external pure returns (uint8) {
        return 8;
    }

    function version() external pure returns (uint256) {
        return 1;
    }

    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        return (latestRound, latestAnswer, latestTimestamp, latestTimestamp, latestRound);
    }
}

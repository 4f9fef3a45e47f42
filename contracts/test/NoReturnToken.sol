// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title A token with the two habits of Tether's USDT on Ethereum that break naive callers.
/// @notice transfer, transferFrom and approve return no data, and an allowance goes from non-zero to non-zero only
/// through zero. Anyone may mint: never use it outside a local chain.
contract NoReturnToken {
    string public name;
    string public symbol;
    uint8 public immutable decimals;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    // solhint-disable gas-indexed-events
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    // solhint-enable gas-indexed-events

    /// @notice Thrown when an allowance is set from one non-zero value to another.
    error AllowanceNotZero(address spender, uint256 allowance);
    /// @notice Thrown when the holder has less than is moved.
    error BalanceTooLow(address holder, uint256 balance, uint256 value);
    /// @notice Thrown when the spender may move less than is moved.
    error AllowanceTooLow(address spender, uint256 allowance, uint256 value);

    constructor(string memory name_, string memory symbol_, uint8 decimals_) {
        name = name_;
        symbol = symbol_;
        decimals = decimals_;
    }

    function mint(address to, uint256 value) external {
        totalSupply += value;
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function transfer(address to, uint256 value) external {
        _transfer(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed < value) revert AllowanceTooLow(msg.sender, allowed, value);
        if (allowed != type(uint256).max) allowance[from][msg.sender] = allowed - value;
        _transfer(from, to, value);
    }

    function approve(address spender, uint256 value) external {
        uint256 allowed = allowance[msg.sender][spender];
        require(value == 0 || allowed == 0, AllowanceNotZero(spender, allowed));
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
    }

    function _transfer(address from, address to, uint256 value) private {
        uint256 balance = balanceOf[from];
        if (balance < value) revert BalanceTooLow(from, balance, value);
        balanceOf[from] = balance - value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}

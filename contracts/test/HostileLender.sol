// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ICallbacks} from "../../interfaces/external/ICallbacks.sol";

/// @title Has the flash-loan functions of the lenders and misbehaves as told. For tests.
contract HostileLender {
    enum Mode {
        NEVER_CALL_BACK,
        SEND_LESS,
        CALL_TWICE,
        OTHER_DATA,
        OTHER_CALLBACK,
        HUGE_PREMIUM,
        TAKE_LESS,
        TAKE_MORE,
        OTHER_INITIATOR,
        OTHER_PREMIUM_COUNT,
        REVERT_WITH_DATA,
        HONEST
    }

    error Hostile(uint256 value);

    Mode public mode;

    constructor(Mode mode_) {
        mode = mode_;
    }

    /// @dev Morpho Blue.
    function flashLoan(address token, uint256 amount, bytes calldata data) external {
        if (mode == Mode.REVERT_WITH_DATA) revert Hostile(7);
        if (mode == Mode.NEVER_CALL_BACK) return;
        ICallbacks borrower = ICallbacks(msg.sender);
        IERC20(token).transfer(msg.sender, mode == Mode.SEND_LESS ? amount - 1 : amount);
        if (mode == Mode.OTHER_CALLBACK) borrower.uniswapV3FlashCallback(0, 0, data);
        else if (mode == Mode.OTHER_DATA) borrower.onMorphoFlashLoan(amount, abi.encodePacked(data, data));
        else borrower.onMorphoFlashLoan(amount, data);
        if (mode == Mode.CALL_TWICE) borrower.onMorphoFlashLoan(amount, data);
        if (mode == Mode.TAKE_LESS) amount -= 1;
        if (mode == Mode.TAKE_MORE) amount += 1;
        IERC20(token).transferFrom(msg.sender, address(this), amount);
    }

    /// @dev Aave v3 flashLoanSimple.
    function flashLoanSimple(address, address token, uint256 amount, bytes calldata data, uint16) external {
        IERC20(token).transfer(msg.sender, amount);
        address initiator = mode == Mode.OTHER_INITIATOR ? address(this) : msg.sender;
        uint256 premium = mode == Mode.HUGE_PREMIUM ? amount : 0;
        ICallbacks(msg.sender).executeOperation(token, amount, premium, initiator, data);
        IERC20(token).transferFrom(msg.sender, address(this), amount + premium);
    }

    /// @dev Balancer v2.
    function flashLoan(address, address[] calldata tokens, uint256[] calldata amounts, bytes calldata data) external {
        IERC20(tokens[0]).transfer(msg.sender, amounts[0]);
        uint256[] memory fees = new uint256[](mode == Mode.OTHER_PREMIUM_COUNT ? 2 : 1);
        ICallbacks(msg.sender).receiveFlashLoan(tokens, amounts, fees, data);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Runs one rebalance for one owner: borrow, swap, repay, deliver, check, or revert with nothing changed.
/// @notice Holds no tokens and no approvals between transactions. One contract per owner; the owner approves it for
/// what a program may pull, at most, and calls `execute` with the program.
///
/// @dev Byte layout of a program, version 1. Big-endian, packed; `router/encoder.py` is its mirror.
///
///     head, 49 bytes   u8 version | u40 deadline | u40 firstBlock | u40 lastBlock (0: no end)
///                      int256 minValueChangeE36 | u8 tokenCount
///     token, 74 bytes  address | u128 maxSpent | u128 minReceived | u128 priceE36
///                      u24 minWeightPips | u24 maxWeightPips
///     steps, to the end of the bytes, each led by its kind
///       0x01 PULL       u8 token | u128 amount     transferFrom(owner, this, amount)
///       0x02 PULL_OWED  u8 token                   pulls what the open loans still lack of this token
///       0x03 DELIVER    u8 token                   sends all that the ledger holds of it to the owner
///       0x04 CHECK                                 every minReceived is met here already
///       0x10 Morpho Blue   0x11 Aave v3 flashLoanSimple   0x12 Aave v3 flashLoan   0x13 Balancer v2
///       0x14 Uniswap v3 flash, and PancakeSwap v3
///                       address lender | u8 count | count x (u8 token | u128 amount), ascending by token address
///                       All later steps run inside the lender's callback; the loan is repaid after the last of them.
///       0x20 Uniswap v2   0x21 Uniswap v3, and PancakeSwap v3, whose pools call back under other names
///       0x22 Balancer v2
///                       u8 route | u8 tokenIn | u8 tokenOut | u128 amount | address pool | extra
///                       route   bits 0-1 payer (0 executor, 1 owner, 2 prepaid), 2-3 recipient (0 executor, 1 owner,
///                               2 next pool), 4-5 amount (0 literal, 1 share of 2^64, 2 remainder), 6-7 zero
///                       extra   0x20: u24 feePips. 0x22: bytes32 poolId, and `pool` is the Vault.
///
/// The ledger holds, per token, what arrived at this contract during this call, measured by balance difference: pulls,
/// loans and swaps paid to the executor credit it; swaps paid by the executor, deliveries and repayments debit it. What
/// anyone else sends here is not in the ledger, so no program spends it. The ledger's remainders go to the owner last.
///
/// What is assumed of tokens. Safety: `balanceOf` answers the owner's true balance; `transferFrom` moves no more than
/// asked. Liveness: `transfer` delivers what was asked (a token that keeps a part of it makes swaps revert); balances
/// and amounts stay below 2^128. Tokens may return nothing, return false, demand a zero approval first, or call out.
///
/// What is assumed of lenders and pools. Safety: nothing. Whatever a named lender or pool does, the owner loses at most
/// maxSpent of each token and the bounds hold, or all of it reverts. Liveness: the lender calls back once, with the data
/// that it was given, and accepts amount plus premium; the pool behaves as the protocol of its kind.
///
/// What is assumed of the owner. The program is the owner's word: bounds of zero protect nothing.
interface IRebalanceExecutor {
    /// @notice A program ran to its end and every bound held.
    /// @param programHash keccak256 of the program.
    /// @param valueChange sum of priceE36 * (change of the owner's balance), numeraire units times 10^36.
    event Rebalanced(bytes32 indexed programHash, int256 valueChange);

    /// @notice Tokens that lay here between transactions went to the owner; the zero address is the native coin.
    event Rescued(address indexed token, uint256 amount);

    // --- who may call, and when ---

    /// @notice Only the owner may call this.
    error NotOwner(address caller);
    /// @notice A program is running already.
    error Reentered();
    error DeadlinePassed(uint256 deadline, uint256 timestamp);
    /// @notice Block numbers are those that the chain's NUMBER opcode gives (on Arbitrum, the parent chain's).
    error OutsideBlockWindow(uint256 blockNumber, uint256 firstBlock, uint256 lastBlock);
    /// @notice No callback is due from this caller.
    error UnexpectedCallback(address caller);
    /// @notice The callback is due from this caller, with other data.
    error UnexpectedCallbackData(bytes32 expectedHash, bytes32 actualHash);
    /// @notice The lender names another account as the one who asked for the loan.
    error UnexpectedInitiator(address initiator);

    // --- programs that cannot be read ---

    error UnsupportedVersion(uint256 version);
    /// @notice The program ends at `length`, and what is being read ends at `needed`.
    error TruncatedProgram(uint256 needed, uint256 length);
    error ProgramTooLong(uint256 length, uint256 maxLength);
    error DuplicateToken(uint256 index, address token);
    error UnknownToken(uint256 step, uint256 index, uint256 tokenCount);
    error UnknownStep(uint256 step, uint256 kind);
    /// @notice Payer, recipient, amount mode, tokens or neighbours of a swap that do not fit together.
    error IllegalRoute(uint256 step, uint256 route);
    error IllegalFee(uint256 step, uint256 feePips);
    /// @notice More or fewer tokens than one loan of this kind carries.
    error IllegalTokenCount(uint256 step, uint256 count, uint256 maxCount);
    /// @notice Loan tokens stand in ascending order of address, none twice.
    error LoanTokensNotAscending(uint256 step, address previous, address token);

    // --- steps that fail ---

    /// @notice A foreign contract reverted with `reason`, or a check of this step did; empty where it gave none. Where
    /// a token did not revert and answered other than true, `reason` is that answer: 32 zero bytes for false.
    /// A step is counted from 0 in the order of the program. Inside a loan the failing step is the one named.
    error StepFailed(uint256 step, bytes reason);
    error ZeroAmount(uint256 step);
    error LedgerTooLow(uint256 step, address token, uint256 needed, uint256 held);
    error PullExceedsMax(uint256 step, address token, uint256 pulled, uint256 maxSpent);
    /// @notice The pool took `spent` of the `amountIn` that it was to swap.
    error PartialFill(uint256 step, uint256 amountIn, uint256 spent);
    /// @notice The pool asks for other payment than the swap's amount of its token in.
    error UnexpectedPayment(uint256 step, int256 amount0, int256 amount1, uint256 amountIn);
    /// @notice The contract that was to call back did not.
    error MissingCallback(uint256 step, address expected);
    /// @notice The lender names premiums for another number of tokens than were borrowed.
    error PremiumCountMismatch(uint256 step, uint256 expected, uint256 actual);
    error ShortRepayment(uint256 step, address token, uint256 due, uint256 available);

    // --- tokens that cannot be handled ---

    /// @notice The token does not answer `balanceOf`.
    error UnreadableToken(address token);
    /// @notice A balance here fell while only a receipt was due.
    error BalanceFell(address token, uint256 balanceBefore, uint256 balanceAfter);
    /// @notice Balances and amounts from 2^128 up, or worth 2^222 / 10^36 numeraire units up, are not handled.
    error AmountTooLarge(address token, uint256 amount);

    /// @notice The token does not pay the owner what is left after the last step, or what is rescued; `reason` as in
    /// StepFailed.
    error PayoutFailed(address token, bytes reason);

    // --- bounds on the owner's balances ---

    error SpentTooMuch(address token, uint256 spent, uint256 maxSpent);
    error InsufficientReceived(address token, uint256 received, uint256 minReceived);
    error ValueBelowMinimum(int256 valueChange, int256 minValueChange);
    error WeightOutOfBounds(address token, uint256 weightPips, uint256 minWeightPips, uint256 maxWeightPips);

    /// @notice The only account that may call, is pulled from, and is paid.
    function OWNER() external view returns (address);

    /// @notice Runs a program. Only the owner.
    /// @dev The owner's loss of a token that has no bound and no price in the program is limited by its pulls alone,
    /// that is, to zero: pulling needs a maxSpent.
    /// @param program the bytes described above.
    /// @return valueChange sum of priceE36 * (change of the owner's balance); 0 where nothing is priced.
    function execute(bytes calldata program) external returns (int256 valueChange);

    /// @notice Sends this contract's whole balance of a token to the owner. Only the owner, not during `execute`.
    /// @param token the zero address for the native coin, which is never taken but may have been here before the
    /// contract, or been forced on it.
    function rescue(address token) external;
}

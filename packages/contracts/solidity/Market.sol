// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IGuardian} from "./interfaces/IGuardian.sol";
import {IMarket} from "./interfaces/IMarket.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Messages} from "./libraries/Messages.sol";
import {NetworkContract} from "./NetworkContract.sol";

/// The escrow. A token in it is in one of three places: a requester's free balance, the reserve of an order, or the pool
/// of what orders have paid and nobody has claimed yet. An order pays at most its reserve, once, and its requester gets
/// the reserve back without anybody's help once it could exit.
contract Market is NetworkContract, EIP712, IMarket {
    using SafeERC20 for IERC20;

    enum Refusal {
        None,
        OrderExists,
        BadPrice,
        NoBudget,
        PastDeadline,
        DeadlineTooFar,
        BalanceTooSmall,
        BadSignature,
        SaltUsed
    }

    struct Entry {
        address requester;
        State state;
        // From then on the requester may take the reserve back.
        uint48 exitAt;
        // Verdicts on the order weigh what their validators had staked before then.
        uint40 reservedAt;
        uint128 budget;
        uint64 deadline;
        uint64 cancelRequestedAt;
    }

    IERC20 public token;
    address public settlement;
    uint256 public totalFree;
    uint256 public totalReserved;
    uint256 public pool;

    mapping(address => uint256) private _free;
    mapping(bytes32 id => Entry) private _orders;
    /// Of a requester's orders under one salt, one at most is reserved: so the same order can be given to several gateways.
    mapping(address requester => mapping(bytes32 salt => bool)) private _usedSalts;

    event Deposited(address indexed account, address indexed by, uint256 amount);
    event Withdrawn(address indexed account, address indexed to, uint256 amount);
    event OrderReserved(
        bytes32 indexed id, address indexed requester, bytes32 indexed fingerprint, uint256 budget, uint256 deadline
    );
    event OrderRefused(bytes32 indexed id, address indexed requester, Refusal reason);
    /// By the requester's own transaction, with all that a gateway needs to serve it.
    event OrderPlaced(bytes32 indexed id, address indexed requester, Messages.Order order);
    event CancelRequested(bytes32 indexed id, uint256 exitAt);
    event OrderSettled(bytes32 indexed id, address indexed requester, uint256 spent, uint256 returned);
    event OrderExited(bytes32 indexed id, address indexed requester, uint256 returned);
    event PoolFunded(address indexed by, uint256 amount);
    event PoolPaid(address indexed to, uint256 amount);

    error Refused(bytes32 id, Refusal reason);
    error BalanceTooSmall(uint256 has, uint256 wants);
    error NotRequester(address caller);
    error NotReserved(bytes32 id);
    error NotExitable(bytes32 id, uint256 from);
    error NotSettlement(address caller);
    error CancelRequestedAlready(bytes32 id);
    error BadCancel(bytes32 id);
    error LengthsDiffer();

    constructor() EIP712("DSperse", "1") {}

    function initialize(
        address owner_,
        IParameters parameters_,
        IGuardian guardian_,
        IERC20 token_,
        address settlement_
    ) external initializer {
        _initializeNetwork(owner_, parameters_, guardian_);
        token = token_;
        settlement = settlement_;
    }

    modifier onlySettlement() {
        if (msg.sender != settlement) revert NotSettlement(msg.sender);
        _;
    }

    // ---- balance ----

    function deposit(uint256 amount) external {
        depositFor(msg.sender, amount);
    }

    function depositFor(address account, uint256 amount) public whenNotPaused {
        _free[account] += amount;
        totalFree += amount;
        emit Deposited(account, msg.sender, amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// As `deposit`, with an ERC-2612 permit in place of an approval.
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        // A permit that somebody else has sent already is used up: then its approval is there.
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        depositFor(msg.sender, amount);
    }

    function withdraw(uint256 amount, address to) external {
        uint256 has = _free[msg.sender];
        if (amount > has) revert BalanceTooSmall(has, amount);
        _free[msg.sender] = has - amount;
        totalFree -= amount;
        emit Withdrawn(msg.sender, to, amount);
        token.safeTransfer(to, amount);
    }

    // ---- orders ----

    /// Reserves the budget of an order that its requester signed; anyone may send it.
    function reserve(Messages.Order calldata order, bytes calldata signature)
        external
        whenNotPaused
        returns (bytes32 id)
    {
        Refusal refusal;
        (id, refusal) = _reserve(order, signature);
        if (refusal != Refusal.None) revert Refused(id, refusal);
    }

    /// Reserves those that can be reserved, and says for each why not.
    function reserveMany(Messages.Order[] calldata orders, bytes[] calldata signatures)
        external
        whenNotPaused
        returns (bytes32[] memory ids, Refusal[] memory refusals)
    {
        if (orders.length != signatures.length) revert LengthsDiffer();
        ids = new bytes32[](orders.length);
        refusals = new Refusal[](orders.length);
        for (uint256 i = 0; i < orders.length; i++) {
            (ids[i], refusals[i]) = _reserve(orders[i], signatures[i]);
            if (refusals[i] != Refusal.None) emit OrderRefused(ids[i], orders[i].requester, refusals[i]);
        }
    }

    /// The direct path: the requester's transaction stands for its signature.
    function place(Messages.Order calldata order) external whenNotPaused returns (bytes32 id) {
        if (msg.sender != order.requester) revert NotRequester(msg.sender);
        id = orderId(order);
        Refusal refusal = _check(id, order);
        if (refusal != Refusal.None) revert Refused(id, refusal);
        _enter(id, order);
        emit OrderPlaced(id, msg.sender, order);
    }

    /// No further work; what was done before may still be settled, for `cancelSeconds`.
    function requestCancel(bytes32 id) external {
        if (msg.sender != _orders[id].requester) revert NotRequester(msg.sender);
        _requestCancel(id);
    }

    /// As `requestCancel`, by the signed message.
    function requestCancelSigned(Messages.Cancel calldata cancel, bytes calldata signature) external {
        address requester = _orders[cancel.order].requester;
        bytes32 digest = _hashTypedDataV4(Messages.hash(cancel));
        if (requester == address(0) || !SignatureChecker.isValidSignatureNow(requester, digest, signature)) {
            revert BadCancel(cancel.order);
        }
        _requestCancel(cancel.order);
    }

    /// Returns the reserve to its requester's balance; anyone may send it.
    function forceExit(bytes32 id) external {
        Entry storage entry = _orders[id];
        if (entry.state != State.Reserved) revert NotReserved(id);
        uint256 from = _exitableAt(entry);
        if (block.timestamp < from) revert NotExitable(id, from);
        entry.state = State.Exited;
        totalReserved -= entry.budget;
        totalFree += entry.budget;
        _free[entry.requester] += entry.budget;
        emit OrderExited(id, entry.requester, entry.budget);
    }

    // ---- the settlement ----

    /// Ends an order: `spent` goes to the pool, the rest to its requester. False where it has ended already, was never
    /// reserved, or would pay more than its reserve.
    function settle(bytes32 id, uint256 spent) external onlySettlement returns (bool) {
        Entry storage entry = _orders[id];
        if (entry.state != State.Reserved || spent > entry.budget) return false;
        entry.state = State.Settled;
        uint256 returned = entry.budget - spent;
        totalReserved -= entry.budget;
        totalFree += returned;
        pool += spent;
        _free[entry.requester] += returned;
        emit OrderSettled(id, entry.requester, spent, returned);
        return true;
    }

    /// Pays from the pool, at most what is in it; address zero burns.
    function pay(address to, uint256 amount) external onlySettlement returns (uint256 paid) {
        paid = Math.min(amount, pool);
        if (paid == 0) return 0;
        pool -= paid;
        emit PoolPaid(to, paid);
        if (to == address(0)) ERC20Burnable(address(token)).burn(paid);
        else token.safeTransfer(to, paid);
    }

    /// Adds to the pool what came in without a call: an emission, or a transfer by mistake. Anyone may send it.
    function takeIn() external returns (uint256 amount) {
        amount = token.balanceOf(address(this)) - totalFree - totalReserved - pool;
        if (amount == 0) return 0;
        pool += amount;
        emit PoolFunded(msg.sender, amount);
    }

    /// Adds to the pool what was not paid by an order, such as a gap that somebody closes.
    function fundPool(uint256 amount) external {
        pool += amount;
        emit PoolFunded(msg.sender, amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    // ---- views ----

    function balanceOf(address account) external view returns (uint256) {
        return _free[account];
    }

    function orderOf(bytes32 id) external view returns (Entry memory) {
        return _orders[id];
    }

    function reserveOf(bytes32 id) external view returns (State state, uint128 budget) {
        Entry storage entry = _orders[id];
        return (entry.state, entry.budget);
    }

    /// The EIP-712 digest of the order.
    function orderId(Messages.Order calldata order) public view returns (bytes32) {
        return _hashTypedDataV4(Messages.hash(order));
    }

    /// From when `forceExit` is possible; 0 where the order is not reserved.
    function exitableAt(bytes32 id) external view returns (uint256) {
        Entry storage entry = _orders[id];
        return entry.state == State.Reserved ? _exitableAt(entry) : 0;
    }

    // ---- inner ----

    /// An epoch that was posted before the exit opened is settled first; a later one does not hold it up, and nothing
    /// does for longer than `exitHoldMaxSeconds`.
    function _exitableAt(Entry storage entry) private view returns (uint256) {
        uint256 hold = ISettlement(settlement).exitHold(entry.exitAt);
        return Math.max(entry.exitAt, Math.min(hold, entry.exitAt + _parameter("exitHoldMaxSeconds")));
    }

    function _reserve(Messages.Order calldata order, bytes calldata signature)
        private
        returns (bytes32 id, Refusal refusal)
    {
        id = orderId(order);
        refusal = _check(id, order);
        if (refusal != Refusal.None) return (id, refusal);
        if (!SignatureChecker.isValidSignatureNow(order.requester, id, signature)) return (id, Refusal.BadSignature);
        _enter(id, order);
    }

    function _check(bytes32 id, Messages.Order calldata order) private view returns (Refusal) {
        if (_orders[id].state != State.None) return Refusal.OrderExists;
        if (_usedSalts[order.requester][order.salt]) return Refusal.SaltUsed;
        if (order.priceMin > order.priceMax) return Refusal.BadPrice;
        if (order.budget == 0) return Refusal.NoBudget;
        if (order.deadline <= block.timestamp) return Refusal.PastDeadline;
        if (order.deadline > block.timestamp + _parameter("orderSecondsMax")) return Refusal.DeadlineTooFar;
        if (order.budget > _free[order.requester]) return Refusal.BalanceTooSmall;
        return Refusal.None;
    }

    function _enter(bytes32 id, Messages.Order calldata order) private {
        _usedSalts[order.requester][order.salt] = true;
        _free[order.requester] -= order.budget;
        totalFree -= order.budget;
        totalReserved += order.budget;
        _orders[id] = Entry({
            requester: order.requester,
            state: State.Reserved,
            exitAt: uint48(order.deadline + _parameter("exitSeconds")),
            reservedAt: uint40(block.timestamp),
            budget: order.budget,
            deadline: order.deadline,
            cancelRequestedAt: 0
        });
        emit OrderReserved(id, order.requester, order.fingerprint, order.budget, order.deadline);
    }

    function _requestCancel(bytes32 id) private {
        Entry storage entry = _orders[id];
        if (entry.state != State.Reserved) revert NotReserved(id);
        if (entry.cancelRequestedAt != 0) revert CancelRequestedAlready(id);
        entry.cancelRequestedAt = uint64(block.timestamp);
        uint256 exitAt = Math.min(entry.exitAt, block.timestamp + _parameter("cancelSeconds"));
        entry.exitAt = uint48(exitAt);
        emit CancelRequested(id, exitAt);
    }
}

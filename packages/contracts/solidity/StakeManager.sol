// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IGuardian} from "./interfaces/IGuardian.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {IStakeManager} from "./interfaces/IStakeManager.sol";
import {Leaves} from "./libraries/Leaves.sol";
import {Messages} from "./libraries/Messages.sol";
import {NetworkContract} from "./NetworkContract.sol";
import {StakeVotes} from "./StakeVotes.sol";

/// Stake in pools, one for each role of each operator. The operator is the key that signs on the network; the owner is
/// the account that registered it, with a signature of that key. Anyone stakes in a pool and holds shares of it; what is
/// taken out thaws for `unbondingSeconds`. A slash takes from stake and thawing stake in proportion.
contract StakeManager is NetworkContract, EIP712, StakeVotes, IStakeManager {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;
    using Checkpoints for Checkpoints.Trace208;

    uint8 public constant PROVER = 1;
    uint8 public constant VALIDATOR = 2;
    uint256 private constant RAY = 1e27;

    struct Pool {
        address owner;
        uint16 commissionBps;
        uint16 nextCommissionBps;
        uint48 nextCommissionAt;
        // By its owner: takes no more stake and counts for nothing.
        bool closed;
        // By governance: counts for nothing.
        bool suspended;
        uint128 tokens;
        uint128 thawingTokens;
        uint256 shares;
        // What is left of a token that began to thaw before all slashes of this generation, of RAY; 0 stands for RAY.
        uint256 thawFactor;
        // Shares and thaws of an earlier generation are worth nothing: they were slashed to zero.
        uint64 generation;
        uint64 thawingGeneration;
    }

    struct Thaw {
        // The amount, as it would be without the slashes of its generation.
        uint256 scaled;
        uint64 generation;
        uint48 availableAt;
    }

    struct PoolInfo {
        address operator;
        address owner;
        uint256 tokens;
        uint256 thawing;
        uint256 active;
        uint256 shares;
        uint256 commissionBps;
        bool closed;
        bool suspended;
    }

    struct ThawInfo {
        uint256 id;
        uint256 amount;
        uint256 availableAt;
    }

    IERC20 public token;
    address public settlement;
    address public treasury;
    /// Sum of all pools, thawing included.
    uint256 public totalTokens;

    mapping(bytes32 key => Pool) private _pools;
    mapping(bytes32 key => mapping(address => Thaw[])) private _thaws;
    mapping(uint8 role => address[]) private _operators;
    mapping(bytes32 key => Checkpoints.Trace208) private _active;
    mapping(uint8 role => Checkpoints.Trace208) private _totalActive;

    event Registered(uint8 indexed role, address indexed operator, address indexed owner, uint256 commissionBps);
    event OwnerChanged(uint8 indexed role, address indexed operator, address indexed owner);
    event CommissionChanged(uint8 indexed role, address indexed operator, uint256 bps, uint256 validFrom);
    event PoolStatus(uint8 indexed role, address indexed operator, bool closed, bool suspended);
    event Staked(uint8 indexed role, address indexed operator, address indexed account, uint256 amount, uint256 shares);
    event Undelegated(
        uint8 indexed role,
        address indexed operator,
        address indexed account,
        uint256 id,
        uint256 amount,
        uint256 shares,
        uint256 availableAt
    );
    event Withdrawn(uint8 indexed role, address indexed operator, address indexed account, uint256 id, uint256 amount);
    event Rewarded(uint8 indexed role, address indexed operator, uint256 amount, uint256 commission);
    /// `requested` is what the rule asks for, `fromActive + fromThawing` what there was to take.
    event Slashed(
        uint8 indexed role,
        address indexed operator,
        bytes32 indexed reason,
        bytes32 evidence,
        uint256 requested,
        uint256 fromActive,
        uint256 fromThawing,
        address beneficiary,
        uint256 bounty
    );
    event ActiveStake(uint8 indexed role, address indexed operator, uint256 active, uint256 total);

    error UnknownRole(uint8 role);
    error AlreadyRegistered(uint8 role, address operator);
    error NotRegistered(uint8 role, address operator);
    error NotOwner(address caller);
    error NotSettlement(address caller);
    error BadOperatorSignature(address operator);
    error BadOwner();
    error CommissionTooHigh(uint256 bps, uint256 max);
    error PoolClosed(uint8 role, address operator);
    error StakeTooSmall(uint256 amount, uint256 min);
    error TooFewShares(uint256 has, uint256 wants);
    error NoSuchThaw(uint256 id);
    error StillThawing(uint256 availableAt);

    constructor() EIP712("DSperse", "1") {}

    function initialize(
        address owner_,
        IParameters parameters_,
        IGuardian guardian_,
        IERC20 token_,
        address settlement_,
        address treasury_
    ) external initializer {
        _initializeNetwork(owner_, parameters_, guardian_);
        token = token_;
        settlement = settlement_;
        treasury = treasury_;
    }

    // ---- the owner of a pool ----

    /// The caller becomes the owner. `signature` is the operator key's over
    /// Registration(uint8 role,address operator,address owner); empty where the caller is the operator.
    function register(uint8 role, address operator, uint256 commissionBps, bytes calldata signature)
        external
        whenNotPaused
    {
        if (role != PROVER && role != VALIDATOR) revert UnknownRole(role);
        Pool storage pool = _pools[Leaves.keyOf(role, operator)];
        if (pool.owner != address(0)) revert AlreadyRegistered(role, operator);
        if (operator != msg.sender) {
            bytes32 digest =
                _hashTypedDataV4(keccak256(abi.encode(Messages.REGISTRATION_TYPE, role, operator, msg.sender)));
            (address signer,,) = ECDSA.tryRecover(digest, signature);
            if (signer != operator || signer == address(0)) revert BadOperatorSignature(operator);
        }
        _checkCommission(commissionBps);
        pool.owner = msg.sender;
        pool.commissionBps = uint16(commissionBps);
        _noteOwner(Leaves.keyOf(role, operator), address(0), msg.sender);
        _operators[role].push(operator);
        emit Registered(role, operator, msg.sender, commissionBps);
    }

    /// Lower at once, higher after `commissionDelaySeconds`, so that delegators can leave before.
    function setCommission(uint8 role, address operator, uint256 bps) external {
        Pool storage pool = _owned(role, operator);
        _checkCommission(bps);
        uint256 present = _commission(pool);
        uint256 validFrom = block.timestamp;
        if (bps <= present) {
            pool.commissionBps = uint16(bps);
            pool.nextCommissionAt = 0;
        } else {
            validFrom += _parameter("commissionDelaySeconds");
            pool.commissionBps = uint16(present);
            pool.nextCommissionBps = uint16(bps);
            pool.nextCommissionAt = uint48(validFrom);
        }
        emit CommissionChanged(role, operator, bps, validFrom);
    }

    function transferPool(uint8 role, address operator, address next) external {
        Pool storage pool = _owned(role, operator);
        if (next == address(0)) revert BadOwner();
        _noteOwner(Leaves.keyOf(role, operator), pool.owner, next);
        pool.owner = next;
        emit OwnerChanged(role, operator, next);
    }

    /// A closed pool takes no stake and does not count; it stays slashable, and can be opened again.
    function setClosed(uint8 role, address operator, bool closed) external {
        Pool storage pool = _owned(role, operator);
        pool.closed = closed;
        emit PoolStatus(role, operator, closed, pool.suspended);
        _recount(role, operator, pool);
    }

    /// By vote: a validator that has vanished no longer counts towards the two thirds.
    function setSuspended(uint8 role, address operator, bool suspended) external onlyOwner {
        Pool storage pool = _registered(role, operator);
        pool.suspended = suspended;
        emit PoolStatus(role, operator, pool.closed, suspended);
        _recount(role, operator, pool);
    }

    // ---- whoever stakes ----

    function stake(uint8 role, address operator, uint256 amount) public whenNotPaused returns (uint256 shares) {
        bytes32 key = Leaves.keyOf(role, operator);
        Pool storage pool = _registered(role, operator);
        if (pool.closed) revert PoolClosed(role, operator);
        uint256 min = _parameter("delegationMin");
        if (amount < min) revert StakeTooSmall(amount, min);
        shares = Math.mulDiv(amount, pool.shares + VIRTUAL_SHARES, uint256(pool.tokens) + 1);
        if (shares == 0) revert StakeTooSmall(amount, min);
        pool.tokens += amount.toUint128();
        pool.shares += shares;
        totalTokens += amount;
        _setShares(key, pool.generation, msg.sender, _sharesOf(key, pool.generation, msg.sender) + shares);
        emit Staked(role, operator, msg.sender, amount, shares);
        _recount(role, operator, pool);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// As `stake`, with an ERC-2612 permit in place of an approval.
    function stakeWithPermit(
        uint8 role,
        address operator,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (uint256 shares) {
        // A permit that somebody else has sent already is used up: then its approval is there.
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        return stake(role, operator, amount);
    }

    /// Shares begin to thaw; `withdraw(id)` after `unbondingSeconds`. Never refused to whoever has the shares.
    function undelegate(uint8 role, address operator, uint256 shares) external returns (uint256 id) {
        bytes32 key = Leaves.keyOf(role, operator);
        Pool storage pool = _registered(role, operator);
        uint256 amount = _takeShares(key, pool, shares);
        pool.thawingTokens += amount.toUint128();
        uint256 availableAt = block.timestamp + _parameter("unbondingSeconds");
        Thaw[] storage thaws = _thaws[key][msg.sender];
        id = thaws.length;
        thaws.push(Thaw(Math.mulDiv(amount, RAY, _factor(pool)), pool.thawingGeneration, uint48(availableAt)));
        emit Undelegated(role, operator, msg.sender, id, amount, shares, availableAt);
        _recount(role, operator, pool);
    }

    /// Pays out what has thawed.
    function withdraw(uint8 role, address operator, uint256 id) external returns (uint256 amount) {
        bytes32 key = Leaves.keyOf(role, operator);
        Pool storage pool = _registered(role, operator);
        Thaw[] storage thaws = _thaws[key][msg.sender];
        if (id >= thaws.length || thaws[id].availableAt == 0) revert NoSuchThaw(id);
        Thaw memory thaw = thaws[id];
        if (block.timestamp < thaw.availableAt) revert StillThawing(thaw.availableAt);
        delete thaws[id];
        if (thaw.generation == pool.thawingGeneration) {
            amount = Math.mulDiv(thaw.scaled, _factor(pool), RAY);
            pool.thawingTokens -= amount.toUint128();
            totalTokens -= amount;
        }
        emit Withdrawn(role, operator, msg.sender, id, amount);
        if (amount != 0) token.safeTransfer(msg.sender, amount);
    }

    /// Gives `amount` of the caller's tokens to a pool: commission to its owner, the rest to its shares.
    function reward(uint8 role, address operator, uint256 amount) external {
        Pool storage pool = _registered(role, operator);
        uint256 commission = pool.shares == 0 ? amount : Math.mulDiv(amount, _commission(pool), 10_000);
        uint256 rest = amount - commission;
        pool.tokens += rest.toUint128();
        totalTokens += rest;
        emit Rewarded(role, operator, amount, commission);
        if (rest != 0) _recount(role, operator, pool);
        token.safeTransferFrom(msg.sender, address(this), amount);
        if (commission != 0) token.safeTransfer(pool.owner, commission);
    }

    /// Counts a pool again after the least stake of its role has changed.
    function recount(uint8 role, address operator) external {
        _recount(role, operator, _registered(role, operator));
    }

    // ---- the settlement ----

    /// Takes up to `amount`, from stake and thawing stake in proportion; `bountyBps` of it to the beneficiary, the rest
    /// to the treasury. An unknown operator has nothing to take.
    function slash(
        uint8 role,
        address operator,
        uint256 amount,
        bytes32 reason,
        bytes32 evidence,
        address beneficiary,
        uint256 bountyBps
    ) external returns (uint256 slashed) {
        if (msg.sender != settlement) revert NotSettlement(msg.sender);
        Pool storage pool = _pools[Leaves.keyOf(role, operator)];
        uint256 available = uint256(pool.tokens) + pool.thawingTokens;
        slashed = Math.min(amount, available);
        if (slashed == 0) return 0;
        uint256 fromActive = Math.mulDiv(slashed, pool.tokens, available);
        uint256 fromThawing = slashed - fromActive;
        _takeActive(pool, fromActive);
        _takeThawing(pool, fromThawing);
        totalTokens -= slashed;
        uint256 bounty = beneficiary == address(0) ? 0 : Math.mulDiv(slashed, bountyBps, 10_000);
        emit Slashed(role, operator, reason, evidence, amount, fromActive, fromThawing, beneficiary, bounty);
        _recount(role, operator, pool);
        if (bounty != 0) token.safeTransfer(beneficiary, bounty);
        if (slashed != bounty) token.safeTransfer(treasury, slashed - bounty);
    }

    // ---- views ----

    function activeStake(uint8 role, address operator) external view returns (uint256) {
        return _active[Leaves.keyOf(role, operator)].latest();
    }

    function totalActiveStake(uint8 role) external view returns (uint256) {
        return _totalActive[role].latest();
    }

    function activeStakeAt(uint8 role, address operator, uint256 time) external view returns (uint256) {
        return _active[Leaves.keyOf(role, operator)].upperLookupRecent(time.toUint48());
    }

    /// What `count` operators, in the order of their registration, had at `time`.
    function activeStakesAt(uint8 role, uint256 time, uint256 from, uint256 count)
        external
        view
        returns (address[] memory operators_, uint256[] memory stakes)
    {
        address[] storage all = _operators[role];
        uint256 size = from >= all.length ? 0 : Math.min(count, all.length - from);
        operators_ = new address[](size);
        stakes = new uint256[](size);
        for (uint256 i = 0; i < size; i++) {
            operators_[i] = all[from + i];
            stakes[i] = _active[Leaves.keyOf(role, all[from + i])].upperLookupRecent(time.toUint48());
        }
    }

    function totalActiveStakeAt(uint8 role, uint256 time) external view returns (uint256) {
        return _totalActive[role].upperLookupRecent(time.toUint48());
    }

    function sumActiveStake(uint8 role, address[] calldata operators_)
        external
        view
        returns (uint256 sum, uint256 total)
    {
        for (uint256 i = 0; i < operators_.length; i++) sum += _active[Leaves.keyOf(role, operators_[i])].latest();
        total = _totalActive[role].latest();
    }

    function slashable(uint8 role, address operator) external view returns (uint256) {
        Pool storage pool = _pools[Leaves.keyOf(role, operator)];
        return uint256(pool.tokens) + pool.thawingTokens;
    }

    function ownerOf(uint8 role, address operator) external view returns (address) {
        return _pools[Leaves.keyOf(role, operator)].owner;
    }

    function commissionOf(uint8 role, address operator) external view returns (uint256 bps) {
        return _commission(_pools[Leaves.keyOf(role, operator)]);
    }

    function sharesOf(uint8 role, address operator, address account) public view returns (uint256) {
        bytes32 key = Leaves.keyOf(role, operator);
        return _sharesOf(key, _pools[key].generation, account);
    }

    /// What the account's shares are worth now.
    function stakeOf(uint8 role, address operator, address account) external view returns (uint256) {
        Pool storage pool = _pools[Leaves.keyOf(role, operator)];
        return _worthOf(sharesOf(role, operator, account), pool.tokens, pool.shares);
    }

    /// The account's open withdrawals with what they are worth now.
    function thawsOf(uint8 role, address operator, address account) external view returns (ThawInfo[] memory open) {
        bytes32 key = Leaves.keyOf(role, operator);
        Pool storage pool = _pools[key];
        Thaw[] storage thaws = _thaws[key][account];
        uint256 count = 0;
        for (uint256 i = 0; i < thaws.length; i++) if (thaws[i].availableAt != 0) count++;
        open = new ThawInfo[](count);
        count = 0;
        for (uint256 i = 0; i < thaws.length; i++) {
            Thaw storage thaw = thaws[i];
            if (thaw.availableAt == 0) continue;
            bool alive = thaw.generation == pool.thawingGeneration;
            uint256 amount = alive ? Math.mulDiv(thaw.scaled, _factor(pool), RAY) : 0;
            open[count++] = ThawInfo(i, amount, thaw.availableAt);
        }
    }

    function poolOf(uint8 role, address operator) public view returns (PoolInfo memory) {
        bytes32 key = Leaves.keyOf(role, operator);
        Pool storage pool = _pools[key];
        return PoolInfo(
            operator,
            pool.owner,
            pool.tokens,
            pool.thawingTokens,
            _active[key].latest(),
            pool.shares,
            _commission(pool),
            pool.closed,
            pool.suspended
        );
    }

    function operatorCount(uint8 role) external view returns (uint256) {
        return _operators[role].length;
    }

    /// Pools in the order of their registration.
    function pools(uint8 role, uint256 from, uint256 count) external view returns (PoolInfo[] memory page) {
        address[] storage all = _operators[role];
        if (from >= all.length) return page;
        if (count > all.length - from) count = all.length - from;
        page = new PoolInfo[](count);
        for (uint256 i = 0; i < count; i++) page[i] = poolOf(role, all[from + i]);
    }

    // ---- inner ----

    function _registered(uint8 role, address operator) private view returns (Pool storage pool) {
        pool = _pools[Leaves.keyOf(role, operator)];
        if (pool.owner == address(0)) revert NotRegistered(role, operator);
    }

    function _owned(uint8 role, address operator) private view returns (Pool storage pool) {
        pool = _registered(role, operator);
        if (msg.sender != pool.owner) revert NotOwner(msg.sender);
    }

    function _checkCommission(uint256 bps) private view {
        uint256 max = _parameter("commissionMaxBps");
        if (bps > max) revert CommissionTooHigh(bps, max);
    }

    function _commission(Pool storage pool) private view returns (uint256) {
        if (pool.nextCommissionAt != 0 && block.timestamp >= pool.nextCommissionAt) return pool.nextCommissionBps;
        return pool.commissionBps;
    }

    function _takeShares(bytes32 key, Pool storage pool, uint256 shares) private returns (uint256 amount) {
        uint256 has = _sharesOf(key, pool.generation, msg.sender);
        if (shares == 0 || shares > has) revert TooFewShares(has, shares);
        _setShares(key, pool.generation, msg.sender, has - shares);
        amount = _worthOf(shares, pool.tokens, pool.shares);
        pool.tokens -= amount.toUint128();
        pool.shares -= shares;
    }

    function _takeActive(Pool storage pool, uint256 amount) private {
        pool.tokens -= amount.toUint128();
        if (pool.tokens != 0) return;
        pool.shares = 0;
        pool.generation++;
    }

    function _takeThawing(Pool storage pool, uint256 amount) private {
        uint256 before = pool.thawingTokens;
        if (amount == 0) return;
        uint256 factor = Math.mulDiv(_factor(pool), before - amount, before);
        pool.thawingTokens = (before - amount).toUint128();
        pool.thawFactor = factor;
        // `_factor` reads 0 as RAY, so this generation ends here.
        if (factor == 0) pool.thawingGeneration++;
    }

    function _factor(Pool storage pool) private view returns (uint256) {
        return pool.thawFactor == 0 ? RAY : pool.thawFactor;
    }

    function _recount(uint8 role, address operator, Pool storage pool) private {
        bytes32 key = Leaves.keyOf(role, operator);
        _notePool(key, pool.owner, pool.tokens, pool.shares, pool.generation);
        uint256 before = _active[key].latest();
        uint256 min = _parameter(role == VALIDATOR ? bytes32("validatorStakeMin") : bytes32("proverStakeMin"));
        uint256 now_ = pool.closed || pool.suspended || pool.tokens < min ? 0 : pool.tokens;
        if (now_ == before) return;
        uint256 total = _totalActive[role].latest() + now_ - before;
        _active[key].push(uint48(block.timestamp), now_.toUint208());
        _totalActive[role].push(uint48(block.timestamp), total.toUint208());
        emit ActiveStake(role, operator, now_, total);
    }
}

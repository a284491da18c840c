// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Equivocations} from "./Equivocations.sol";
import {IEmission} from "./interfaces/IEmission.sol";
import {IGuardian} from "./interfaces/IGuardian.sol";
import {IMarket} from "./interfaces/IMarket.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {IStakeManager} from "./interfaces/IStakeManager.sol";
import {Leaves} from "./libraries/Leaves.sol";
import {Messages} from "./libraries/Messages.sol";

/// Epochs: validators with more than two thirds of the active stake sign one Merkle root over what has ended and what is
/// owed; it waits for challenges, then anyone carries it out. The signers are believed about who proved what; about
/// whether an order exists, what it can pay and whether it has been paid they are not: that is checked here.
contract Settlement is Equivocations, ISettlement {
    using Checkpoints for Checkpoints.Trace208;

    bytes32 public constant WRONG_ATTESTATION = "wrong-attestation";
    bytes32 public constant EPOCH_PENALTY = "epoch-penalty";

    struct Epoch {
        bytes32 root;
        bytes32 previous;
        // keccak256(abi.encode(address[])), ascending.
        bytes32 signersHash;
        uint256 spent;
        uint64 postedAt;
        uint64 finalAt;
        uint32 leaves;
        bool cancelled;
        bool held;
        // What the epoch may mint, what it has minted, and what its orders have paid so far.
        uint128 minted;
        uint128 issued;
        uint256 settled;
    }

    struct OrderLeaf {
        bytes32 order;
        uint256 spent;
        bool delivered;
    }

    /// A leaf in the tree of an epoch.
    struct Located {
        uint64 epoch;
        Leaves.Leaf leaf;
        bytes32[] proof;
    }

    IERC20 public token;
    IMarket public market;
    IEmission public emission;

    /// The lowest number that the next epoch may have. Numbers of cancelled epochs are not used again, so that signing a
    /// new root after a cancellation is never equivocation.
    uint64 public nextEpoch;
    /// Root of the last epoch that was not cancelled: what the next one builds on.
    bytes32 public lastRoot;

    uint64 private _lastPosted;
    mapping(uint64 epoch => Epoch) private _epochs;
    mapping(bytes32 key => uint256) private _claimed;
    mapping(bytes32 key => uint256) private _penalised;
    /// Epoch of the last penalty applied: one for each epoch.
    mapping(bytes32 key => uint64) private _penalisedEpoch;
    /// By the time of posting: until when that epoch's orders should have been settled.
    Checkpoints.Trace208 private _settleBy;

    event EpochPosted(
        uint64 indexed epoch,
        bytes32 root,
        bytes32 previous,
        uint256 spent,
        uint256 minted,
        uint32 leaves,
        uint64 finalAt,
        address[] signers,
        uint256 stake,
        uint256 totalStake
    );
    event EpochHeld(uint64 indexed epoch, uint64 finalAt);
    event EpochCancelled(uint64 indexed epoch, bytes32 reason, address indexed by);
    event OrderApplied(uint64 indexed epoch, bytes32 indexed order, uint256 spent, bool delivered);
    event EpochMinted(uint64 indexed epoch, uint256 amount);
    event OrderSkipped(uint64 indexed epoch, bytes32 indexed order);
    event Claimed(uint64 indexed epoch, bytes32 indexed key, uint256 amount, uint256 claimed);
    event Penalised(
        uint64 indexed epoch, uint8 indexed role, address indexed operator, uint256 due, uint256 slashed, bytes32 evidence
    );

    error EpochOutOfSequence(uint64 epoch, uint64 next);
    error WrongPrevious(bytes32 previous, bytes32 expected);
    error EmptyRoot();
    error EpochPending(uint64 epoch, uint256 finalAt);
    error SignersNotAscending();
    error NoQuorum(uint256 stake, uint256 total);
    error NotFinal(uint64 epoch);
    error NotChallengeable(uint64 epoch);
    error CannotHold(uint64 epoch);
    error CannotRelease(uint64 epoch);
    error NotInTree(uint64 epoch);
    error WrongSigners();
    error NoFault();
    error NothingToClaim();
    error NothingToPenalise();
    error LengthsDiffer();

    function initialize(
        address owner_,
        IParameters parameters_,
        IGuardian guardian_,
        IERC20 token_,
        IMarket market_,
        IStakeManager stakes_,
        IEmission emission_
    ) external initializer {
        _initializeNetwork(owner_, parameters_, guardian_);
        token = token_;
        market = market_;
        stakes = stakes_;
        emission = emission_;
        nextEpoch = 1;
    }

    // ---- posting ----

    /// Signatures in ascending order of their signers; anyone may send them. Works during a pause, so that no pause makes
    /// orders exit unpaid; the epoch is held then.
    function post(Messages.EpochRoot calldata message, bytes[] calldata signatures) external {
        uint64 next = nextEpoch;
        // An epoch for which no root found two thirds is passed over; nobody can jump to the end of the numbers.
        if (message.epoch < next || message.epoch > next + _parameter("skippedEpochsMax")) {
            revert EpochOutOfSequence(message.epoch, next);
        }
        if (message.root == 0) revert EmptyRoot();
        Epoch storage last = _epochs[_lastPosted];
        if (!last.cancelled && block.timestamp < last.finalAt) revert EpochPending(_lastPosted, last.finalAt);
        if (message.previous != lastRoot) revert WrongPrevious(message.previous, lastRoot);
        (address[] memory signers, uint256 stake, uint256 total) = _quorum(message, signatures);
        bool held = guardian.paused();
        uint256 windowFrom = held ? guardian.pausedUntil() : block.timestamp;
        uint64 finalAt = uint64(windowFrom + _parameter("challengeSeconds"));
        _epochs[message.epoch] = Epoch({
            root: message.root,
            previous: message.previous,
            signersHash: keccak256(abi.encode(signers)),
            spent: message.spent,
            postedAt: uint64(block.timestamp),
            finalAt: finalAt,
            leaves: message.leaves,
            cancelled: false,
            held: held,
            minted: message.minted,
            issued: 0,
            settled: 0
        });
        nextEpoch = message.epoch + 1;
        _lastPosted = message.epoch;
        lastRoot = message.root;
        _noteSettleBy(block.timestamp, finalAt);
        emission.schedule(message.closedAt, message.minted, message.spent);
        // Whoever else may be the freezer by now: an epoch does not depend on it.
        try parameters.freeze() {} catch {}
        emit EpochPosted(
            message.epoch,
            message.root,
            message.previous,
            message.spent,
            message.minted,
            message.leaves,
            finalAt,
            signers,
            stake,
            total
        );
    }

    /// While the guardian's pause lasts, a vote has time: the epoch becomes final no earlier than a challenge window
    /// after the pause. Once for each epoch; anyone may send it.
    function hold(uint64 epoch) external {
        Epoch storage e = _challengeable(epoch);
        if (e.held || !guardian.paused()) revert CannotHold(epoch);
        e.held = true;
        e.finalAt = uint64(Math.max(e.finalAt, guardian.pausedUntil() + _parameter("challengeSeconds")));
        _noteSettleBy(e.postedAt, e.finalAt);
        emit EpochHeld(epoch, e.finalAt);
    }

    /// After a pause that ended early: a held epoch becomes final a challenge window after the pause's true end. Anyone may
    /// send it.
    function release(uint64 epoch) external {
        Epoch storage e = _challengeable(epoch);
        uint256 finalAt = Math.max(e.postedAt, guardian.pausedUntil()) + _parameter("challengeSeconds");
        if (!e.held || guardian.paused() || finalAt >= e.finalAt) revert CannotRelease(epoch);
        e.finalAt = uint64(finalAt);
        _noteSettleBy(e.postedAt, finalAt);
        emit EpochHeld(epoch, e.finalAt);
    }

    /// By vote.
    function cancel(uint64 epoch, bytes32 reason) external onlyOwner {
        _cancel(epoch, _challengeable(epoch), reason);
    }

    // ---- challenges: faults that need no judgement ----

    /// An order leaf that cannot be true: never reserved, more than its reserve, or settled in an earlier epoch.
    function challengeOrder(Located calldata located, address[] calldata signers) external {
        Epoch storage e = _challengeable(located.epoch);
        _requireIn(located);
        if (located.leaf.kind != Leaves.ORDER) revert NoFault();
        (IMarket.State state, uint128 budget) = market.reserveOf(located.leaf.a);
        bool faulty = state == IMarket.State.None || state == IMarket.State.Settled || located.leaf.b > budget;
        if (!faulty) revert NoFault();
        _convict(located.epoch, e, signers, Leaves.hash(located.leaf));
    }

    /// Two leaves that cannot both be true: one order twice, in one tree or in two; two different sums for one account or
    /// operator in one tree; or a sum that fell. `second` is in the epoch that is challenged, `first` in it or before it.
    function challengePair(Located calldata first, Located calldata second, address[] calldata signers) external {
        Epoch storage e = _challengeable(second.epoch);
        _requireIn(first);
        _requireIn(second);
        Leaves.Leaf calldata a = first.leaf;
        Leaves.Leaf calldata b = second.leaf;
        bytes32 digest = Leaves.hash(b);
        bool sameTree = first.epoch == second.epoch;
        bool sameSubject = a.kind == b.kind && a.a == b.a && first.epoch <= second.epoch;
        bool faulty = sameTree ? Leaves.hash(a) != digest : a.kind == Leaves.ORDER || b.b < a.b;
        if (!sameSubject || !faulty) revert NoFault();
        _convict(second.epoch, e, signers, digest);
    }

    // ---- carrying out a final epoch ----

    /// Settles the orders of these leaves; those that have ended already are passed over. Then mints what the epoch was
    /// allowed, in the proportion in which its orders have paid: all of it once they have paid what the root says.
    function settleOrders(uint64 epoch, OrderLeaf[] calldata leaves, bytes32[][] calldata proofs)
        external
        returns (uint256 settled)
    {
        Epoch storage e = _final(epoch);
        bytes32 root = e.root;
        uint256 paid = 0;
        if (leaves.length != proofs.length) revert LengthsDiffer();
        for (uint256 i = 0; i < leaves.length; i++) {
            OrderLeaf calldata l = leaves[i];
            bytes32 hash = Leaves.hash(Leaves.ORDER, l.order, l.spent, bytes32(uint256(l.delivered ? 1 : 0)));
            if (!MerkleProof.verifyCalldata(proofs[i], root, hash)) revert NotInTree(epoch);
            if (market.settle(l.order, l.spent)) {
                settled++;
                paid += l.spent;
                emit OrderApplied(epoch, l.order, l.spent, l.delivered);
            } else {
                emit OrderSkipped(epoch, l.order);
            }
        }
        if (paid != 0) e.settled += paid;
        _mint(epoch, e);
    }

    /// Pays what the account is owed by this epoch's leaf and has not had yet, to the account; anyone may send it. Pays
    /// less where the pool holds less, and the rest when it holds more.
    function claim(uint64 epoch, address account, uint256 cumulative, bytes32[] calldata proof)
        external
        returns (uint256 paid)
    {
        bytes32 key = Leaves.keyOf(account);
        uint256 due = _due(epoch, key, cumulative, proof);
        paid = market.pay(account, due);
        _noteClaim(epoch, key, paid);
    }

    /// As `claim`, for a credit of an operator's pool: commission to its owner, the rest to all that staked there.
    function claimToPool(uint64 epoch, uint8 role, address operator, uint256 cumulative, bytes32[] calldata proof)
        external
        returns (uint256 paid)
    {
        bytes32 key = Leaves.keyOf(role, operator);
        uint256 due = _due(epoch, key, cumulative, proof);
        paid = market.pay(address(this), due);
        _noteClaim(epoch, key, paid);
        token.approve(address(stakes), paid);
        stakes.reward(role, operator, paid);
    }

    /// Takes what the operator owes by this epoch's leaf and has not lost yet, at most `penaltyMaxBps` of its stake. What
    /// is above that stays due in later epochs.
    function penalise(
        uint64 epoch,
        address operator,
        uint8 role,
        uint256 cumulative,
        bytes32 evidence,
        bytes32[] calldata proof
    ) external returns (uint256 slashed) {
        bytes32 key = Leaves.keyOf(role, operator);
        if (!MerkleProof.verifyCalldata(
                proof, _final(epoch).root, Leaves.hash(Leaves.PENALTY, key, cumulative, evidence)
            )) revert NotInTree(epoch);
        uint256 done = _penalised[key];
        if (cumulative <= done || epoch <= _penalisedEpoch[key]) revert NothingToPenalise();
        uint256 due = cumulative - done;
        uint256 most = Math.mulDiv(stakes.slashable(role, operator), _parameter("penaltyMaxBps"), 10_000);
        slashed = Math.min(due, most);
        if (slashed == 0) revert NothingToPenalise();
        _penalised[key] = done + slashed;
        _penalisedEpoch[key] = epoch;
        stakes.slash(role, operator, slashed, EPOCH_PENALTY, evidence, address(0), 0);
        emit Penalised(epoch, role, operator, due, slashed, evidence);
    }

    // ---- views ----

    function epochOf(uint64 epoch) external view returns (Epoch memory) {
        return _epochs[epoch];
    }

    function isFinal(uint64 epoch) public view returns (bool) {
        Epoch storage e = _epochs[epoch];
        return e.postedAt != 0 && !e.cancelled && block.timestamp >= e.finalAt;
    }

    /// The last epoch that was posted; `exists` is false before the first, which is 1.
    function lastEpoch() external view returns (bool exists, uint64 epoch) {
        return (_lastPosted != 0, _lastPosted);
    }

    function claimed(address account) external view returns (uint256) {
        return _claimed[Leaves.keyOf(account)];
    }

    function claimedByPool(uint8 role, address operator) external view returns (uint256) {
        return _claimed[Leaves.keyOf(role, operator)];
    }

    function penalised(uint8 role, address operator) external view returns (uint256) {
        return _penalised[Leaves.keyOf(role, operator)];
    }

    /// Until when an epoch that was posted at `time` or before has its orders settled.
    function exitHold(uint256 time) external view returns (uint256) {
        return _settleBy.upperLookupRecent(uint48(Math.min(time, type(uint48).max)));
    }

    function hashLeaf(Leaves.Leaf calldata leaf) external pure returns (bytes32) {
        return Leaves.hash(leaf);
    }

    /// The root over these leaf hashes, as SimpleMerkleTree (npm: openzeppelin/merkle-tree) computes it.
    function computeRoot(bytes32[] memory leaves) external pure returns (bytes32) {
        return Leaves.computeRoot(leaves);
    }

    // ---- inner ----

    function _quorum(Messages.EpochRoot calldata message, bytes[] calldata signatures)
        private
        view
        returns (address[] memory signers, uint256 stake, uint256 total)
    {
        bytes32 digest = hashEpochRoot(message);
        signers = new address[](signatures.length);
        for (uint256 i = 0; i < signatures.length; i++) {
            signers[i] = ECDSA.recover(digest, signatures[i]);
            if (i > 0 && signers[i] <= signers[i - 1]) revert SignersNotAscending();
        }
        (stake, total) = stakes.sumActiveStake(VALIDATOR, signers);
        if (stake * 3 <= total * 2) revert NoQuorum(stake, total);
    }

    function _final(uint64 epoch) private view returns (Epoch storage e) {
        if (!isFinal(epoch)) revert NotFinal(epoch);
        e = _epochs[epoch];
    }

    function _challengeable(uint64 epoch) private view returns (Epoch storage e) {
        e = _epochs[epoch];
        if (e.postedAt == 0 || e.cancelled || block.timestamp >= e.finalAt) revert NotChallengeable(epoch);
    }

    function _requireIn(Located calldata located) private view {
        Epoch storage e = _epochs[located.epoch];
        bool inTree = e.postedAt != 0 && !e.cancelled
            && MerkleProof.verifyCalldata(located.proof, e.root, Leaves.hash(located.leaf));
        if (!inTree) revert NotInTree(located.epoch);
    }

    function _cancel(uint64 epoch, Epoch storage e, bytes32 reason) private {
        e.cancelled = true;
        // Only the last epoch is ever open to challenge.
        lastRoot = e.previous;
        emission.unschedule();
        _settleBy.push(uint48(e.postedAt), uint208(block.timestamp));
        emit EpochCancelled(epoch, reason, msg.sender);
    }

    function _mint(uint64 epoch, Epoch storage e) private {
        (uint256 minted, uint256 issued) = (e.minted, e.issued);
        uint256 due = e.settled >= e.spent ? minted : Math.mulDiv(minted, e.settled, e.spent);
        if (due <= issued) return;
        e.issued = uint128(due);
        emission.mint(due - issued);
        market.takeIn();
        emit EpochMinted(epoch, due - issued);
    }

    function _convict(uint64 epoch, Epoch storage e, address[] calldata signers, bytes32 evidence) private {
        if (keccak256(abi.encode(signers)) != e.signersHash) revert WrongSigners();
        _cancel(epoch, e, WRONG_ATTESTATION);
        uint256 share = _parameter("wrongAttestationBps");
        uint256 bountyBps = _parameter("bountyBps");
        for (uint256 i = 0; i < signers.length; i++) {
            uint256 amount = Math.mulDiv(stakes.slashable(VALIDATOR, signers[i]), share, 10_000);
            stakes.slash(VALIDATOR, signers[i], amount, WRONG_ATTESTATION, evidence, msg.sender, bountyBps);
        }
    }

    function _due(uint64 epoch, bytes32 key, uint256 cumulative, bytes32[] calldata proof)
        private
        view
        returns (uint256)
    {
        if (!MerkleProof.verifyCalldata(proof, _final(epoch).root, Leaves.hash(Leaves.CREDIT, key, cumulative, 0))) {
            revert NotInTree(epoch);
        }
        uint256 done = _claimed[key];
        if (cumulative <= done) revert NothingToClaim();
        return cumulative - done;
    }

    function _noteClaim(uint64 epoch, bytes32 key, uint256 paid) private {
        if (paid == 0) revert NothingToClaim();
        uint256 sum = _claimed[key] + paid;
        _claimed[key] = sum;
        emit Claimed(epoch, key, paid, sum);
    }

    function _noteSettleBy(uint256 postedAt, uint256 finalAt) private {
        _settleBy.push(uint48(postedAt), uint208(finalAt + _parameter("settleGraceSeconds")));
    }
}

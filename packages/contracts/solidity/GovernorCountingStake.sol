// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GovernorCountingOverridable} from "@openzeppelin/contracts/governance/extensions/GovernorCountingOverridable.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IStakeVotes} from "./interfaces/IStakeVotes.sol";
import {Leaves} from "./libraries/Leaves.sol";

/// Staked tokens vote beside those in wallets. Their owner's one vote counts both; whoever has staked in a pool may take
/// its own share out of the pool's vote, before or after it is cast, as a token holder does with its delegate's. Wallets
/// are counted by GovernorCountingOverridable, stake in a tally of its own: the stake manager delegates its balance to
/// nobody, so no token is in both.
abstract contract GovernorCountingStake is GovernorCountingOverridable {
    bytes32 public constant STAKE_OVERRIDE_BALLOT_TYPEHASH = keccak256(
        "StakeOverrideBallot(uint256 proposalId,uint8 support,uint8 role,address operator,address voter,uint256 nonce,string reason)"
    );

    struct StakeTally {
        uint256[3] votes;
        // 0: not cast; else support + 1.
        mapping(address owner => uint8) cast;
        // What was taken out before the owner voted.
        mapping(address owner => uint256) overridden;
        mapping(bytes32 pool => mapping(address account => bool)) hasOverridden;
    }

    IStakeVotes public immutable stakes;
    mapping(uint256 proposalId => StakeTally) private _tallies;

    event StakeOverrideVoteCast(
        address indexed voter,
        uint256 proposalId,
        uint8 role,
        address operator,
        uint8 support,
        uint256 weight,
        string reason
    );

    error NoStakeAtSnapshot(address account, uint8 role, address operator);

    constructor(IStakeVotes stakes_) {
        stakes = stakes_;
    }

    /// The caller's share of one pool votes by itself.
    function castStakeOverrideVote(
        uint256 proposalId,
        uint8 support,
        uint8 role,
        address operator,
        string calldata reason
    ) external returns (uint256 weight) {
        return _castStakeOverride(proposalId, _msgSender(), support, role, operator, reason);
    }

    /// The same by the voter's signature, sent by anyone: over StakeOverrideBallot(uint256 proposalId,uint8 support,
    /// uint8 role,address operator,address voter,uint256 nonce,string reason), with the voter's next nonce.
    function castStakeOverrideVoteBySig(
        uint256 proposalId,
        uint8 support,
        uint8 role,
        address operator,
        address voter,
        string calldata reason,
        bytes calldata signature
    ) external returns (uint256 weight) {
        bytes32 ballot = keccak256(
            abi.encode(
                STAKE_OVERRIDE_BALLOT_TYPEHASH,
                proposalId,
                support,
                role,
                operator,
                voter,
                _useNonce(voter),
                keccak256(bytes(reason))
            )
        );
        if (!SignatureChecker.isValidSignatureNow(voter, _hashTypedDataV4(ballot), signature)) {
            revert GovernorInvalidSignature(voter);
        }
        return _castStakeOverride(proposalId, voter, support, role, operator, reason);
    }

    function hasVotedStakeOverride(uint256 proposalId, address account, uint8 role, address operator)
        external
        view
        returns (bool)
    {
        return _tallies[proposalId].hasOverridden[Leaves.keyOf(role, operator)][account];
    }

    /// Wallets and stake together.
    function proposalVotes(uint256 proposalId)
        public
        view
        override
        returns (uint256 againstVotes, uint256 forVotes, uint256 abstainVotes)
    {
        (againstVotes, forVotes, abstainVotes) = super.proposalVotes(proposalId);
        uint256[3] storage staked = _tallies[proposalId].votes;
        againstVotes += staked[uint8(VoteType.Against)];
        forVotes += staked[uint8(VoteType.For)];
        abstainVotes += staked[uint8(VoteType.Abstain)];
    }

    function _quorumReached(uint256 proposalId) internal view override returns (bool) {
        (, uint256 forVotes, uint256 abstainVotes) = proposalVotes(proposalId);
        return quorum(proposalSnapshot(proposalId)) <= forVotes + abstainVotes;
    }

    function _voteSucceeded(uint256 proposalId) internal view override returns (bool) {
        (uint256 againstVotes, uint256 forVotes,) = proposalVotes(proposalId);
        return forVotes > againstVotes;
    }

    function _getVotes(address account, uint256 timepoint, bytes memory params)
        internal
        view
        override
        returns (uint256)
    {
        return super._getVotes(account, timepoint, params) + stakes.getPastVotes(account, timepoint);
    }

    function _countVote(
        uint256 proposalId,
        address account,
        uint8 support,
        uint256 totalWeight,
        bytes memory params
    ) internal override returns (uint256) {
        StakeTally storage tally = _tallies[proposalId];
        uint256 staked = stakes.getPastVotes(account, proposalSnapshot(proposalId));
        // Refuses an unknown support and a second vote.
        uint256 inWallets = super._countVote(proposalId, account, support, totalWeight - staked, params);
        staked -= tally.overridden[account];
        tally.votes[support] += staked;
        tally.cast[account] = support + 1;
        return inWallets + staked;
    }

    function _castStakeOverride(
        uint256 proposalId,
        address voter,
        uint8 support,
        uint8 role,
        address operator,
        string calldata reason
    ) private returns (uint256 weight) {
        _validateStateBitmap(proposalId, _encodeStateBitmap(ProposalState.Active));
        weight = _countStakeOverride(proposalId, voter, support, role, operator);
        emit StakeOverrideVoteCast(voter, proposalId, role, operator, support, weight, reason);
        _tallyUpdated(proposalId);
    }

    function _countStakeOverride(uint256 proposalId, address account, uint8 support, uint8 role, address operator)
        private
        returns (uint256 weight)
    {
        if (support > uint8(VoteType.Abstain)) revert GovernorInvalidVoteType();
        StakeTally storage tally = _tallies[proposalId];
        bytes32 key = Leaves.keyOf(role, operator);
        if (tally.hasOverridden[key][account]) revert GovernorAlreadyOverriddenVote(account);
        uint256 snapshot = proposalSnapshot(proposalId);
        weight = stakes.getPastStakeOf(role, operator, account, snapshot);
        if (weight == 0) revert NoStakeAtSnapshot(account, role, operator);
        address owner = stakes.getPastOwner(role, operator, snapshot);
        tally.hasOverridden[key][account] = true;
        uint8 ownerCast = tally.cast[owner];
        if (ownerCast == 0) {
            tally.overridden[owner] += weight;
        } else {
            tally.votes[ownerCast - 1] -= weight;
            emit VoteReduced(owner, proposalId, ownerCast - 1, weight);
        }
        tally.votes[support] += weight;
    }
}

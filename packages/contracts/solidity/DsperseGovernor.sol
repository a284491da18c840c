// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorPreventLateQuorum} from "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {VotesExtended} from "@openzeppelin/contracts/governance/utils/VotesExtended.sol";
import {GovernorCountingStake} from "./GovernorCountingStake.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {IStakeVotes} from "./interfaces/IStakeVotes.sol";

/// Votes of token holders, with wallets and with stake; whoever delegated or staked may override with its own the vote of
/// its delegate or of the pool's owner. Times and shares are parameters: votingDelaySeconds, votingPeriodSeconds,
/// proposalThreshold, quorumBps, lateQuorumSeconds.
contract DsperseGovernor is
    Governor,
    GovernorCountingStake,
    GovernorPreventLateQuorum,
    GovernorTimelockControl
{
    IParameters public immutable parameters;

    error ExtensionIsAParameter();

    constructor(VotesExtended token_, TimelockController timelock_, IParameters parameters_, IStakeVotes stakes_)
        Governor("DSperse Governor")
        GovernorVotes(token_)
        GovernorCountingStake(stakes_)
        GovernorPreventLateQuorum(0)
        GovernorTimelockControl(timelock_)
    {
        parameters = parameters_;
    }

    function votingDelay() public view override returns (uint256) {
        return parameters.get("votingDelaySeconds");
    }

    function votingPeriod() public view override returns (uint256) {
        return parameters.get("votingPeriodSeconds");
    }

    function proposalThreshold() public view override returns (uint256) {
        return parameters.get("proposalThreshold");
    }

    function lateQuorumVoteExtension() public view override returns (uint48) {
        return uint48(parameters.get("lateQuorumSeconds"));
    }

    function setLateQuorumVoteExtension(uint48) public pure override {
        revert ExtensionIsAParameter();
    }

    /// The base's constructor sets an extension of its own; nothing reads it.
    function _setLateQuorumVoteExtension(uint48) internal override {}

    /// Votes for and abstentions that a proposal needs, by supply and parameter at its snapshot.
    function quorum(uint256 timepoint) public view override returns (uint256) {
        return (token().getPastTotalSupply(timepoint) * parameters.getAt("quorumBps", timepoint)) / 10_000;
    }

    function state(uint256 proposalId) public view override(Governor, GovernorTimelockControl) returns (ProposalState) {
        return super.state(proposalId);
    }

    function proposalDeadline(uint256 proposalId)
        public
        view
        override(Governor, GovernorPreventLateQuorum)
        returns (uint256)
    {
        return super.proposalDeadline(proposalId);
    }

    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    function _tallyUpdated(uint256 proposalId) internal override(Governor, GovernorPreventLateQuorum) {
        super._tallyUpdated(proposalId);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC6372} from "@openzeppelin/contracts/interfaces/IERC6372.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IStakeVotes} from "./interfaces/IStakeVotes.sol";
import {Leaves} from "./libraries/Leaves.sol";

/// What staked tokens weigh in votes, now and at any past time. A pool's tokens are votes of its owner; what an account's
/// shares of it were worth, that account may take out of the owner's vote (GovernorCountingStake). Thawing tokens do not
/// vote. Worths are rounded down, so those of a pool are never more than its tokens.
abstract contract StakeVotes is IStakeVotes, IERC6372 {
    using SafeCast for uint256;
    using Checkpoints for Checkpoints.Trace160;
    using Checkpoints for Checkpoints.Trace208;

    struct History {
        Checkpoints.Trace160 owner;
        Checkpoints.Trace208 tokens;
        Checkpoints.Trace208 shares;
        Checkpoints.Trace208 generation;
        // Shares of a generation are worth nothing in the next.
        mapping(uint256 generation => mapping(address => Checkpoints.Trace208)) sharesOf;
    }

    /// Shares that every pool has besides those of accounts: nobody's, worth one unit of the token in an empty pool. Whoever
    /// raises the price of a share by gifts, so that rounding takes from the next stake, gives away 10^6 times what it
    /// takes. Source: OpenZeppelin's ERC-4626 (virtual shares and assets).
    uint256 internal constant VIRTUAL_SHARES = 1e6;

    mapping(bytes32 key => History) private _history;
    mapping(address owner => Checkpoints.Trace208) private _votes;

    event PoolVotes(address indexed owner, uint256 previous, uint256 votes);

    error ERC5805FutureLookup(uint256 timepoint, uint48 clock);

    function clock() public view returns (uint48) {
        return uint48(block.timestamp);
    }

    function CLOCK_MODE() external pure returns (string memory) {
        return "mode=timestamp";
    }

    /// The tokens of all pools of this owner.
    function getVotes(address owner) external view returns (uint256) {
        return _votes[owner].latest();
    }

    function getPastVotes(address owner, uint256 timepoint) external view returns (uint256) {
        return _votes[owner].upperLookupRecent(_past(timepoint));
    }

    function getPastOwner(uint8 role, address operator, uint256 timepoint) external view returns (address) {
        return address(_history[Leaves.keyOf(role, operator)].owner.upperLookupRecent(_past(timepoint)));
    }

    /// What the account's shares of the pool were worth.
    function getPastStakeOf(uint8 role, address operator, address account, uint256 timepoint)
        external
        view
        returns (uint256)
    {
        uint48 time = _past(timepoint);
        History storage history = _history[Leaves.keyOf(role, operator)];
        uint256 total = history.shares.upperLookupRecent(time);
        uint256 generation = history.generation.upperLookupRecent(time);
        uint256 shares = history.sharesOf[generation][account].upperLookupRecent(time);
        return _worthOf(shares, history.tokens.upperLookupRecent(time), total);
    }

    /// What `shares` of a pool with `tokens` and `total` shares are worth, rounded down: all of them at most `tokens`.
    function _worthOf(uint256 shares, uint256 tokens, uint256 total) internal pure returns (uint256) {
        return Math.mulDiv(shares, tokens + 1, total + VIRTUAL_SHARES);
    }

    function _sharesOf(bytes32 key, uint256 generation, address account) internal view returns (uint256) {
        return _history[key].sharesOf[generation][account].latest();
    }

    function _setShares(bytes32 key, uint256 generation, address account, uint256 shares) internal {
        _history[key].sharesOf[generation][account].push(clock(), shares.toUint208());
    }

    /// After any change of a pool's tokens, shares or generation.
    function _notePool(bytes32 key, address owner, uint256 tokens, uint256 shares, uint256 generation) internal {
        History storage history = _history[key];
        uint256 before = history.tokens.latest();
        if (tokens != before) {
            history.tokens.push(clock(), tokens.toUint208());
            _setVotes(owner, _votes[owner].latest() + tokens - before);
        }
        if (shares != history.shares.latest()) history.shares.push(clock(), shares.toUint208());
        if (generation != history.generation.latest()) history.generation.push(clock(), generation.toUint208());
    }

    /// The votes of the pool's tokens go with it.
    function _noteOwner(bytes32 key, address previous, address next) internal {
        History storage history = _history[key];
        uint256 tokens = history.tokens.latest();
        history.owner.push(clock(), uint160(next));
        if (tokens == 0) return;
        _setVotes(previous, _votes[previous].latest() - tokens);
        _setVotes(next, _votes[next].latest() + tokens);
    }

    function _setVotes(address owner, uint256 votes) private {
        (uint256 previous,) = _votes[owner].push(clock(), votes.toUint208());
        emit PoolVotes(owner, previous, votes);
    }

    function _past(uint256 timepoint) private view returns (uint48) {
        if (timepoint >= clock()) revert ERC5805FutureLookup(timepoint, clock());
        return uint48(timepoint);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {DsperseToken} from "./DsperseToken.sol";
import {IEmission} from "./interfaces/IEmission.sol";
import {IParameters} from "./interfaces/IParameters.sol";

/// The token's only minter, and the schedule that it mints by: a constant share a year of what is left to be minted. It
/// cannot be upgraded, so no vote and no upgrade of the settlement mints more than the cap or faster than the parameters'
/// bounds allow. An epoch is given the time since the epoch before it, so neither more nor earlier epochs mint more.
///
/// The same formula as packages/network/src/scoring/emission.ts.
contract Emission is IEmission {
    uint256 private constant BPS = 10_000;
    uint256 private constant YEAR = 365 days;

    IParameters public immutable parameters;
    DsperseToken public immutable token;
    address public immutable settlement;
    address public immutable market;
    /// All that can ever be minted: what the genesis left of the token's cap.
    uint256 public immutable cap;

    /// What the epochs that stand were allowed, all together; what has been minted of it.
    uint256 public scheduled;
    uint256 public minted;
    /// When the last epoch that stands was closed: the next one is given the time since then.
    uint64 public scheduledUntil;

    // Of the last epoch, which alone may be cancelled.
    uint64 private _untilBefore;
    uint256 private _lastAmount;

    event Scheduled(uint64 indexed until, uint256 amount, uint256 total);
    event Unscheduled(uint64 indexed until, uint256 amount, uint256 total);
    event Minted(uint256 amount, uint256 total);

    error NotSettlement(address caller);
    error ClosedEarlier(uint64 closedAt, uint64 than);
    error ClosedInTheFuture(uint64 closedAt, uint256 latest);
    error AboveSchedule(uint256 amount, uint256 most);
    error NotScheduled(uint256 amount, uint256 left);

    constructor(IParameters parameters_, DsperseToken token_, address settlement_, address market_) {
        parameters = parameters_;
        token = token_;
        settlement = settlement_;
        market = market_;
        cap = token_.cap() - token_.totalSupply();
        scheduledUntil = uint64(block.timestamp);
        _untilBefore = uint64(block.timestamp);
    }

    modifier onlySettlement() {
        if (msg.sender != settlement) revert NotSettlement(msg.sender);
        _;
    }

    /// For an epoch that was closed at `closedAt` and in which orders paid `spent`.
    function schedule(uint64 closedAt, uint256 amount, uint256 spent) external onlySettlement {
        if (closedAt < scheduledUntil) revert ClosedEarlier(closedAt, scheduledUntil);
        uint256 latest = block.timestamp + parameters.get("clockSkewSeconds");
        if (closedAt > latest) revert ClosedInTheFuture(closedAt, latest);
        if (amount != 0) {
            uint256 most = mostOf(emissionOf(scheduled, closedAt - scheduledUntil, closedAt), spent, closedAt);
            if (amount > most) revert AboveSchedule(amount, most);
        }
        _untilBefore = scheduledUntil;
        _lastAmount = amount;
        scheduledUntil = closedAt;
        scheduled += amount;
        emit Scheduled(closedAt, amount, scheduled);
    }

    /// The last epoch was cancelled: its time is the next one's. A second call changes nothing.
    function unschedule() external onlySettlement {
        scheduled -= _lastAmount;
        scheduledUntil = _untilBefore;
        emit Unscheduled(scheduledUntil, _lastAmount, scheduled);
        _lastAmount = 0;
    }

    /// Mints to the market what final epochs were allowed.
    function mint(uint256 amount) external onlySettlement {
        if (minted + amount > scheduled) revert NotScheduled(amount, scheduled - Math.min(minted, scheduled));
        minted += amount;
        emit Minted(amount, minted);
        token.mint(market, amount);
    }

    /// What the schedule gives for `elapsed` seconds where `before` was given already, by the parameters of a time.
    function emissionOf(uint256 before, uint256 elapsed, uint256 time) public view returns (uint256) {
        if (before >= cap) return 0;
        uint256 left = cap - before;
        return Math.min(left, Math.mulDiv(left, parameters.getAt("emissionYearBps", time) * elapsed, BPS * YEAR));
    }

    /// What of an emission can be minted at most: to provers no more than a share of what the orders paid that nobody
    /// gets back (to burn and treasury), so that ordering from oneself never pays.
    function mostOf(uint256 emission, uint256 spent, uint256 time) public view returns (uint256) {
        uint256 proverBps = parameters.getAt("emissionProverBps", time);
        uint256 validatorBps = parameters.getAt("emissionValidatorBps", time);
        uint256 lost = Math.mulDiv(
            spent, parameters.getAt("feeBps", time) * (BPS - parameters.getAt("feeValidatorBps", time)), BPS * BPS
        );
        uint256 provers = Math.min(
            Math.mulDiv(emission, proverBps, BPS), Math.mulDiv(lost, parameters.getAt("emissionFeeMultipleBps", time), BPS)
        );
        return provers + Math.mulDiv(emission, validatorBps, BPS)
            + Math.mulDiv(emission, BPS - proverBps - validatorBps, BPS);
    }
}

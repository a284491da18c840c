// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IGuardian} from "./interfaces/IGuardian.sol";
import {IParameters} from "./interfaces/IParameters.sol";

/// A brake, not a lock: the guardian stops new orders, stakes and epochs for at most `pauseSeconds`, and not again until
/// `pauseCooldownSeconds` after that. Withdrawals, exits, settlements of final epochs and claims do not ask it.
contract Guardian is IGuardian, Ownable {
    IParameters public immutable parameters;
    address public guardian;
    uint64 public pausedUntil;
    /// The earliest time of the next pause.
    uint64 public nextPauseAt;

    event GuardianChanged(address indexed previous, address indexed next);
    event Paused(address indexed by, uint64 until);
    event Unpaused(address indexed by);

    error NotGuardian(address caller);
    error CoolingDown(uint256 until);
    error NotPaused();

    constructor(address owner_, IParameters parameters_, address guardian_) Ownable(owner_) {
        parameters = parameters_;
        guardian = guardian_;
        emit GuardianChanged(address(0), guardian_);
    }

    function pause() external {
        if (msg.sender != guardian) revert NotGuardian(msg.sender);
        if (block.timestamp < nextPauseAt) revert CoolingDown(nextPauseAt);
        pausedUntil = uint64(block.timestamp + parameters.get("pauseSeconds"));
        nextPauseAt = uint64(pausedUntil + parameters.get("pauseCooldownSeconds"));
        emit Paused(msg.sender, pausedUntil);
    }

    function unpause() external {
        if (msg.sender != guardian && msg.sender != owner()) revert NotGuardian(msg.sender);
        if (!paused()) revert NotPaused();
        pausedUntil = uint64(block.timestamp);
        emit Unpaused(msg.sender);
    }

    /// Address zero: nobody.
    function changeGuardian(address next) external onlyOwner {
        emit GuardianChanged(guardian, next);
        guardian = next;
    }

    function paused() public view returns (bool) {
        return block.timestamp < pausedUntil;
    }
}

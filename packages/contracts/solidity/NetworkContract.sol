// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {IGuardian} from "./interfaces/IGuardian.sol";
import {IParameters} from "./interfaces/IParameters.sol";

/// What the upgradeable contracts share: the owner is the timelock, only it upgrades; numbers come from Parameters.
abstract contract NetworkContract is OwnableUpgradeable, UUPSUpgradeable {
    IParameters public parameters;
    IGuardian public guardian;

    error Paused();

    constructor() {
        _disableInitializers();
    }

    function _initializeNetwork(address owner_, IParameters parameters_, IGuardian guardian_) internal {
        __Ownable_init(owner_);
        parameters = parameters_;
        guardian = guardian_;
    }

    modifier whenNotPaused() {
        if (guardian.paused()) revert Paused();
        _;
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}

    function _parameter(bytes32 name) internal view returns (uint256) {
        return parameters.get(name);
    }
}

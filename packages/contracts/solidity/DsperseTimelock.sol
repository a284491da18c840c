// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IParameters} from "./interfaces/IParameters.sol";

/// Owns every privileged function. Only the governor schedules, anyone executes, nobody is its admin but itself; its
/// delay is a parameter like any other.
contract DsperseTimelock is TimelockController {
    IParameters public immutable parameters;

    error DelayIsAParameter();

    constructor(IParameters parameters_, address[] memory proposers, address[] memory executors)
        TimelockController(0, proposers, executors, address(0))
    {
        parameters = parameters_;
    }

    function getMinDelay() public view override returns (uint256) {
        return parameters.get("timelockSeconds");
    }

    function updateDelay(uint256) public pure override {
        revert DelayIsAParameter();
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface IEmission {
    function schedule(uint64 closedAt, uint256 amount, uint256 spent) external;
    function unschedule() external;
    function mint(uint256 amount) external;
}

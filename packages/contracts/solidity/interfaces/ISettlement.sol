// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface ISettlement {
    function exitHold(uint256 time) external view returns (uint256);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface IParameters {
    function get(bytes32 name) external view returns (uint256);
    function freeze() external;
    function getAt(bytes32 name, uint256 time) external view returns (uint256);
}

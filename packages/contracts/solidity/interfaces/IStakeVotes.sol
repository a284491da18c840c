// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface IStakeVotes {
    function getPastVotes(address owner, uint256 timepoint) external view returns (uint256);
    function getPastOwner(uint8 role, address operator, uint256 timepoint) external view returns (address);
    function getPastStakeOf(uint8 role, address operator, address account, uint256 timepoint)
        external
        view
        returns (uint256);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface IStakeManager {
    function slashable(uint8 role, address operator) external view returns (uint256);
    function sumActiveStake(uint8 role, address[] calldata operators)
        external
        view
        returns (uint256 sum, uint256 total);
    function slash(
        uint8 role,
        address operator,
        uint256 amount,
        bytes32 reason,
        bytes32 evidence,
        address beneficiary,
        uint256 bountyBps
    ) external returns (uint256 slashed);
    function reward(uint8 role, address operator, uint256 amount) external;
}

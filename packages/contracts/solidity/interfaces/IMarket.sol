// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface IMarket {
    enum State {
        None,
        Reserved,
        Settled,
        Exited
    }

    function reserveOf(bytes32 id) external view returns (State state, uint128 budget);
    function settle(bytes32 id, uint256 spent) external returns (bool);
    function takeIn() external returns (uint256 amount);
    function pay(address to, uint256 amount) external returns (uint256 paid);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface IGuardian {
    function paused() external view returns (bool);
    function pausedUntil() external view returns (uint64);
}

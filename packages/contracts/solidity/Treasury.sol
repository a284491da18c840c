// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// Holds the network's own tokens; spends by vote only.
contract Treasury is Ownable {
    using SafeERC20 for IERC20;

    event Spent(IERC20 indexed token, address indexed to, uint256 amount, bytes32 purpose);

    constructor(address owner_) Ownable(owner_) {}

    function spend(IERC20 token, address to, uint256 amount, bytes32 purpose) external onlyOwner {
        token.safeTransfer(to, amount);
        emit Spent(token, to, amount, purpose);
    }
}

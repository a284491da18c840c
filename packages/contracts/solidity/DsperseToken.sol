// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Votes} from "@openzeppelin/contracts/governance/utils/Votes.sol";
import {VotesExtended} from "@openzeppelin/contracts/governance/utils/VotesExtended.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

/// The network's token. It cannot be upgraded: what later voting needs (delegation and balances at a past time, for
/// voters who override their delegate) is recorded from the start. Times are seconds, not blocks.
contract DsperseToken is ERC20, ERC20Permit, ERC20Capped, ERC20Burnable, ERC20Votes, VotesExtended {
    struct Allocation {
        address account;
        uint256 amount;
    }

    /// The only account that mints, for ever: the contract Emission.
    address public immutable minter;

    error NotMinter(address caller);
    error NoMinter();

    constructor(uint256 cap_, address minter_, Allocation[] memory genesis)
        ERC20("DSperse", "DSP")
        ERC20Permit("DSperse")
        ERC20Capped(cap_)
    {
        if (minter_ == address(0)) revert NoMinter();
        minter = minter_;
        for (uint256 i = 0; i < genesis.length; i++) _mint(genesis[i].account, genesis[i].amount);
    }

    function mint(address to, uint256 amount) external {
        if (msg.sender != minter) revert NotMinter(msg.sender);
        _mint(to, amount);
    }

    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Capped, ERC20Votes) {
        super._update(from, to, value);
    }

    function _delegate(address account, address delegatee) internal override(Votes, VotesExtended) {
        super._delegate(account, delegatee);
    }

    function _transferVotingUnits(address from, address to, uint256 amount) internal override(Votes, VotesExtended) {
        super._transferVotingUnits(from, to, amount);
    }
}

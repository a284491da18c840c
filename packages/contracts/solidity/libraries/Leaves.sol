// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Arrays} from "@openzeppelin/contracts/utils/Arrays.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// A settlement leaf says one thing about one order, account or operator (docs/network.md, "Settlement leaves").
///
/// | kind | a                                 | b          | c                  |
/// | 1    | order id                          | spent      | delivered (0 or 1) |
/// | 2    | bytes32(uint160(account)), or     | cumulative | 0                  |
/// |      | bytes32(role << 160 | operator)   |            |                    |
/// | 3    | bytes32(role << 160 | operator)   | cumulative | evidence digest    |
///
/// A credit (kind 2) with a role in `a` is paid into the operator's pool: commission to its owner, the rest to all that
/// staked there. Roles begin at 1, so the two forms never meet. The credits of address zero are burned.
library Leaves {
    uint256 internal constant ORDER = 1;
    uint256 internal constant CREDIT = 2;
    uint256 internal constant PENALTY = 3;

    struct Leaf {
        uint256 kind;
        bytes32 a;
        uint256 b;
        bytes32 c;
    }

    error NoLeaves();

    function hash(Leaf memory leaf) internal pure returns (bytes32) {
        return hash(leaf.kind, leaf.a, leaf.b, leaf.c);
    }

    /// Hashed twice, so that no inner node of a tree can pass for a leaf.
    function hash(uint256 kind, bytes32 a, uint256 b, bytes32 c) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(kind, a, b, c))));
    }

    function keyOf(uint8 role, address operator) internal pure returns (bytes32) {
        return bytes32((uint256(role) << 160) | uint160(operator));
    }

    function keyOf(address account) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }

    /// The root that SimpleMerkleTree (npm: openzeppelin/merkle-tree) gives for these leaf hashes: leaves sorted, laid out
    /// backwards at the end of a complete binary tree, pairs sorted before hashing. Reorders `leaves`.
    function computeRoot(bytes32[] memory leaves) internal pure returns (bytes32) {
        uint256 count = leaves.length;
        if (count == 0) revert NoLeaves();
        Arrays.sort(leaves);
        uint256 size = 2 * count - 1;
        bytes32[] memory tree = new bytes32[](size);
        for (uint256 i = 0; i < count; i++) tree[size - 1 - i] = leaves[i];
        for (uint256 i = size - count; i > 0; i--) {
            tree[i - 1] = Hashes.commutativeKeccak256(tree[2 * i - 1], tree[2 * i]);
        }
        return tree[0];
    }
}

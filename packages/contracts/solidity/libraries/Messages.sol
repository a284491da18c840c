// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The signed messages that the chain reads; the same types as packages/network/src/messages/typed-data.ts.
library Messages {
    struct Order {
        address requester;
        // Who may run and settle it.
        address gateway;
        bytes32 fingerprint;
        bytes32 inputCommitment;
        uint128 priceMin;
        uint128 priceMax;
        uint32 rampSeconds;
        uint128 budget;
        uint64 deadline;
        bytes32 salt;
    }

    struct Cancel {
        bytes32 order;
        uint64 issuedAt;
    }

    struct Verdict {
        bytes32 order;
        uint32 chunk;
        uint32 attempt;
        bytes32 proofDigest;
        bool accepted;
        address validator;
        bytes32 salt;
    }

    struct EpochRoot {
        uint64 epoch;
        bytes32 previous;
        bytes32 root;
        uint256 spent;
        uint128 minted;
        uint32 leaves;
        uint64 closedAt;
    }

    bytes32 internal constant ORDER_TYPE = keccak256(
        "Order(address requester,address gateway,bytes32 fingerprint,bytes32 inputCommitment,uint128 priceMin,uint128 priceMax,uint32 rampSeconds,uint128 budget,uint64 deadline,bytes32 salt)"
    );
    bytes32 internal constant CANCEL_TYPE = keccak256("Cancel(bytes32 order,uint64 issuedAt)");
    bytes32 internal constant VERDICT_TYPE = keccak256(
        "Verdict(bytes32 order,uint32 chunk,uint32 attempt,bytes32 proofDigest,bool accepted,address validator,bytes32 salt)"
    );
    bytes32 internal constant EPOCH_ROOT_TYPE =
        keccak256("EpochRoot(uint64 epoch,bytes32 previous,bytes32 root,uint256 spent,uint128 minted,uint32 leaves,uint64 closedAt)");
    bytes32 internal constant REGISTRATION_TYPE = keccak256("Registration(uint8 role,address operator,address owner)");

    // Every field is static, so the encoding of the struct is that of its fields in order.

    function hash(Order memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(ORDER_TYPE, m));
    }

    function hash(Cancel memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(CANCEL_TYPE, m));
    }

    function hash(Verdict memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(VERDICT_TYPE, m));
    }

    function hash(EpochRoot memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(EPOCH_ROOT_TYPE, m));
    }
}

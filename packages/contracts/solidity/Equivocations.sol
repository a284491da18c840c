// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IStakeManager} from "./interfaces/IStakeManager.sol";
import {Messages} from "./libraries/Messages.sol";
import {NetworkContract} from "./NetworkContract.sol";

/// Two signed messages of one validator that contradict each other: anyone may bring them, for a share of what is
/// slashed. Each subject counts once.
abstract contract Equivocations is NetworkContract, EIP712 {
    uint8 internal constant VALIDATOR = 2;

    bytes32 public constant EQUIVOCATED_EPOCH = "equivocated-epoch";
    bytes32 public constant EQUIVOCATED_VERDICT = "equivocated-verdict";

    IStakeManager public stakes;
    mapping(bytes32 => bool) private _used;

    event Equivocation(bytes32 indexed reason, address indexed validator, bytes32 subject, bytes32 first, bytes32 second);

    error NotEquivocation();
    error EvidenceUsed();
    error NothingToSlash();

    constructor() EIP712("DSperse", "1") {}

    /// Two roots for one epoch under one key.
    function proveEpochEquivocation(
        Messages.EpochRoot calldata first,
        bytes calldata firstSignature,
        Messages.EpochRoot calldata second,
        bytes calldata secondSignature
    ) external {
        bytes32 a = hashEpochRoot(first);
        bytes32 b = hashEpochRoot(second);
        address signer = ECDSA.recover(a, firstSignature);
        if (a == b || first.epoch != second.epoch || signer != ECDSA.recover(b, secondSignature)) {
            revert NotEquivocation();
        }
        _punish(EQUIVOCATED_EPOCH, signer, bytes32(uint256(first.epoch)), a, b);
    }

    /// Two verdicts of one validator on one attempt that differ in what they say (a different salt alone says nothing).
    function proveVerdictEquivocation(
        Messages.Verdict calldata first,
        bytes calldata firstSignature,
        Messages.Verdict calldata second,
        bytes calldata secondSignature
    ) external {
        bytes32 a = hashVerdict(first);
        bytes32 b = hashVerdict(second);
        bool sameSubject = first.order == second.order && first.chunk == second.chunk
            && first.attempt == second.attempt && first.validator == second.validator;
        bool differ = first.accepted != second.accepted || first.proofDigest != second.proofDigest;
        if (
            !sameSubject || !differ || ECDSA.recover(a, firstSignature) != first.validator
                || ECDSA.recover(b, secondSignature) != first.validator
        ) revert NotEquivocation();
        bytes32 subject = keccak256(abi.encode(first.order, first.chunk, first.attempt));
        _punish(EQUIVOCATED_VERDICT, first.validator, subject, a, b);
    }

    function hashEpochRoot(Messages.EpochRoot calldata message) public view returns (bytes32) {
        return _hashTypedDataV4(Messages.hash(message));
    }

    function hashVerdict(Messages.Verdict calldata message) public view returns (bytes32) {
        return _hashTypedDataV4(Messages.hash(message));
    }

    function _punish(bytes32 reason, address validator, bytes32 subject, bytes32 first, bytes32 second) private {
        bytes32 key = keccak256(abi.encode(reason, validator, subject));
        if (_used[key]) revert EvidenceUsed();
        _used[key] = true;
        uint256 amount =
            Math.mulDiv(stakes.slashable(VALIDATOR, validator), _parameter("equivocationBps"), 10_000);
        bytes32 evidence = keccak256(abi.encode(first, second));
        uint256 slashed =
            stakes.slash(VALIDATOR, validator, amount, reason, evidence, msg.sender, _parameter("bountyBps"));
        if (slashed == 0) revert NothingToSlash();
        emit Equivocation(reason, validator, subject, first, second);
    }
}

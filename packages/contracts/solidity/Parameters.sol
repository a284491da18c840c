// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IParameters} from "./interfaces/IParameters.sol";

/// Every number that governs money, time or trust. Names are short strings (ASCII, at most 31 bytes) in a bytes32.
///
/// A parameter is defined once, with bounds that never change; a change stays within them, within `maxStepBps` of the
/// value it replaces, and comes at least `parameterStepSeconds` after the change before. Past values stay readable, so
/// that nodes which compute the same thing at different moments use the same numbers.
contract Parameters is IParameters, Ownable {
    using Checkpoints for Checkpoints.Trace208;

    struct Definition {
        bytes32 name;
        uint256 value;
        uint256 min;
        uint256 max;
        uint256 maxStepBps;
    }

    struct Bounds {
        uint208 min;
        uint48 changedAt;
        uint208 max;
        uint48 maxStepBps;
    }

    bytes32 private constant STEP_SECONDS = "parameterStepSeconds";
    bytes32 private constant FREEZE_SECONDS = "parameterFreezeSeconds";

    /// No parameter changes before this time.
    uint64 public frozenUntil;
    /// The contract that may freeze (the settlement, near the posting of an epoch).
    address public freezer;

    bytes32[] private _names;
    mapping(bytes32 name => Bounds) private _bounds;
    mapping(bytes32 name => Checkpoints.Trace208) private _values;

    event ParameterDefined(bytes32 indexed name, uint256 value, uint256 min, uint256 max, uint256 maxStepBps);
    event ParameterChanged(bytes32 indexed name, uint256 previous, uint256 value);
    event FreezerChanged(address previous, address next);
    event Frozen(uint64 until);

    error UnknownParameter(bytes32 name);
    error ParameterExists(bytes32 name);
    error BadDefinition(bytes32 name);
    error OutOfBounds(bytes32 name, uint256 value, uint256 min, uint256 max);
    error StepTooLarge(bytes32 name, uint256 from, uint256 to, uint256 maxStep);
    error ChangedTooSoon(bytes32 name, uint256 allowedAt);
    error ParametersFrozen(uint256 until);
    error NotFreezer(address caller);

    constructor(address owner_, address freezer_, Definition[] memory definitions) Ownable(owner_) {
        freezer = freezer_;
        for (uint256 i = 0; i < definitions.length; i++) _define(definitions[i]);
    }

    function add(Definition calldata definition) external onlyOwner {
        _define(definition);
    }

    function set(bytes32 name, uint256 value) external onlyOwner {
        if (block.timestamp < frozenUntil) revert ParametersFrozen(frozenUntil);
        Bounds storage bounds = _known(name);
        if (value < bounds.min || value > bounds.max) revert OutOfBounds(name, value, bounds.min, bounds.max);
        uint256 allowedAt = bounds.changedAt == 0 ? 0 : bounds.changedAt + get(STEP_SECONDS);
        if (block.timestamp < allowedAt) revert ChangedTooSoon(name, allowedAt);
        uint256 present = _values[name].latest();
        uint256 maxStep = (present * bounds.maxStepBps) / 10_000;
        // From a small value a step of one is always possible.
        if (maxStep == 0) maxStep = 1;
        uint256 step = value > present ? value - present : present - value;
        if (step > maxStep) revert StepTooLarge(name, present, value, maxStep);
        bounds.changedAt = uint48(block.timestamp);
        _values[name].push(uint48(block.timestamp), uint208(value));
        emit ParameterChanged(name, present, value);
    }

    function changeFreezer(address next) external onlyOwner {
        emit FreezerChanged(freezer, next);
        freezer = next;
    }

    /// No change for `parameterFreezeSeconds` from now. Nothing where the last freeze is not over for as long as it
    /// lasted: whoever can freeze again and again must not keep votes out for ever.
    function freeze() external {
        if (msg.sender != freezer) revert NotFreezer(msg.sender);
        uint256 length = get(FREEZE_SECONDS);
        if (block.timestamp < frozenUntil + length) return;
        uint64 until = uint64(block.timestamp + length);
        frozenUntil = until;
        emit Frozen(until);
    }

    function get(bytes32 name) public view returns (uint256) {
        (bool exists,, uint208 value) = _values[name].latestCheckpoint();
        if (!exists) revert UnknownParameter(name);
        return value;
    }

    /// The value at `time`; before its definition, the value that it was defined with.
    function getAt(bytes32 name, uint256 time) external view returns (uint256) {
        _known(name);
        Checkpoints.Trace208 storage trace = _values[name];
        uint48 first = trace.pos(0)._key;
        uint256 key = time < first ? first : time;
        return trace.upperLookupRecent(SafeCast.toUint48(key));
    }

    function boundsOf(bytes32 name) external view returns (uint256 min, uint256 max, uint256 maxStepBps) {
        Bounds storage bounds = _known(name);
        return (bounds.min, bounds.max, bounds.maxStepBps);
    }

    function names() external view returns (bytes32[] memory) {
        return _names;
    }

    function all() external view returns (bytes32[] memory names_, uint256[] memory values) {
        names_ = _names;
        values = new uint256[](names_.length);
        for (uint256 i = 0; i < names_.length; i++) values[i] = _values[names_[i]].latest();
    }

    function _known(bytes32 name) private view returns (Bounds storage bounds) {
        bounds = _bounds[name];
        if (bounds.maxStepBps == 0) revert UnknownParameter(name);
    }

    function _define(Definition memory d) private {
        if (_bounds[d.name].maxStepBps != 0) revert ParameterExists(d.name);
        if (d.name == 0 || d.maxStepBps == 0 || d.min > d.max) revert BadDefinition(d.name);
        if (d.value < d.min || d.value > d.max) revert OutOfBounds(d.name, d.value, d.min, d.max);
        _bounds[d.name] = Bounds(SafeCast.toUint208(d.min), 0, SafeCast.toUint208(d.max), SafeCast.toUint48(d.maxStepBps));
        _names.push(d.name);
        _values[d.name].push(uint48(block.timestamp), uint208(d.value));
        emit ParameterDefined(d.name, d.value, d.min, d.max, d.maxStepBps);
    }
}

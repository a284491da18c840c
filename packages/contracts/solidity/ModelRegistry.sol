// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGuardian} from "./interfaces/IGuardian.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {NetworkContract} from "./NetworkContract.sol";

/// Programs that are offered for orders, and the versions of the proof system that may prove them.
/// A fingerprint is the digest of a program's verifier key, so an entry cannot name a false program; who registers first
/// owns the entry (its price hint), and governance can give it to another.
contract ModelRegistry is NetworkContract {
    struct Model {
        address owner;
        uint32 protocolVersion;
        bool retired;
        uint48 registeredAt;
        bytes32 manifestDigest;
        // Token units per million work units.
        uint128 priceHint;
    }

    struct Version {
        bytes32 verifierDigest;
        bool registered;
        bool retired;
    }

    bytes32[] private _fingerprints;
    uint32[] private _versionList;
    mapping(bytes32 fingerprint => Model) private _models;
    mapping(uint32 version => Version) private _versions;

    event ModelRegistered(
        bytes32 indexed fingerprint,
        address indexed owner,
        uint32 protocolVersion,
        bytes32 manifestDigest,
        uint128 priceHint
    );
    event ModelPriceHint(bytes32 indexed fingerprint, uint128 priceHint);
    event ModelOwner(bytes32 indexed fingerprint, address indexed owner);
    event ModelRetired(bytes32 indexed fingerprint, address indexed by);
    event VersionRegistered(uint32 indexed version, bytes32 verifierDigest);
    event VersionRetired(uint32 indexed version);

    error ModelExists(bytes32 fingerprint);
    error UnknownModel(bytes32 fingerprint);
    error NotModelOwner(bytes32 fingerprint, address caller);
    error BadModel();
    error VersionExists(uint32 version);
    error VersionNotActive(uint32 version);

    function initialize(address owner_, IParameters parameters_, IGuardian guardian_, bytes32[] calldata verifierDigests)
        external
        initializer
    {
        _initializeNetwork(owner_, parameters_, guardian_);
        // Versions 1, 2, … of the genesis.
        for (uint256 i = 0; i < verifierDigests.length; i++) _registerVersion(uint32(i + 1), verifierDigests[i]);
    }

    function register(bytes32 fingerprint, uint32 protocolVersion, bytes32 manifestDigest, uint128 priceHint)
        external
        whenNotPaused
    {
        if (fingerprint == 0 || manifestDigest == 0) revert BadModel();
        if (_models[fingerprint].owner != address(0)) revert ModelExists(fingerprint);
        if (!isVersionActive(protocolVersion)) revert VersionNotActive(protocolVersion);
        _models[fingerprint] =
            Model(msg.sender, protocolVersion, false, uint48(block.timestamp), manifestDigest, priceHint);
        _fingerprints.push(fingerprint);
        emit ModelRegistered(fingerprint, msg.sender, protocolVersion, manifestDigest, priceHint);
    }

    function setPriceHint(bytes32 fingerprint, uint128 priceHint) external {
        Model storage model = _known(fingerprint);
        if (msg.sender != model.owner) revert NotModelOwner(fingerprint, msg.sender);
        model.priceHint = priceHint;
        emit ModelPriceHint(fingerprint, priceHint);
    }

    /// By its owner or by governance; for ever.
    function retire(bytes32 fingerprint) external {
        Model storage model = _known(fingerprint);
        if (msg.sender != model.owner && msg.sender != owner()) revert NotModelOwner(fingerprint, msg.sender);
        model.retired = true;
        emit ModelRetired(fingerprint, msg.sender);
    }

    function assign(bytes32 fingerprint, address next) external onlyOwner {
        if (next == address(0)) revert BadModel();
        _known(fingerprint).owner = next;
        emit ModelOwner(fingerprint, next);
    }

    function registerVersion(uint32 version, bytes32 verifierDigest) external onlyOwner {
        _registerVersion(version, verifierDigest);
    }

    function retireVersion(uint32 version) external onlyOwner {
        if (!isVersionActive(version)) revert VersionNotActive(version);
        _versions[version].retired = true;
        emit VersionRetired(version);
    }

    function modelOf(bytes32 fingerprint) external view returns (Model memory) {
        return _models[fingerprint];
    }

    function versionOf(uint32 version) external view returns (Version memory) {
        return _versions[version];
    }

    function isVersionActive(uint32 version) public view returns (bool) {
        return _versions[version].registered && !_versions[version].retired;
    }

    /// Registered, not retired, and of a version that is not retired.
    function isActive(bytes32 fingerprint) external view returns (bool) {
        Model storage model = _models[fingerprint];
        return model.owner != address(0) && !model.retired && isVersionActive(model.protocolVersion);
    }

    function modelCount() external view returns (uint256) {
        return _fingerprints.length;
    }

    function fingerprints(uint256 from, uint256 count) external view returns (bytes32[] memory page) {
        uint256 length = _fingerprints.length;
        if (from >= length) return page;
        if (count > length - from) count = length - from;
        page = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) page[i] = _fingerprints[from + i];
    }

    function versions() external view returns (uint32[] memory) {
        return _versionList;
    }

    function _known(bytes32 fingerprint) private view returns (Model storage model) {
        model = _models[fingerprint];
        if (model.owner == address(0)) revert UnknownModel(fingerprint);
    }

    function _registerVersion(uint32 version, bytes32 verifierDigest) private {
        if (_versions[version].registered) revert VersionExists(version);
        _versions[version] = Version(verifierDigest, true, false);
        _versionList.push(version);
        emit VersionRegistered(version, verifierDigest);
    }
}

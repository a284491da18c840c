import { encodeAbiParameters, type Hex, keccak256, parseAbiParameters } from 'viem';
import type { VerdictMessage } from './typed-data.js';

const FIELDS = parseAbiParameters('bytes32, uint32, uint32, bytes32, bool, address, bytes32');

/** What a `VerdictCommit` carries: binds a validator to a verdict that nobody can read, or copy, before it is revealed. */
export function commitmentOf(v: VerdictMessage): Hex {
  return keccak256(
    encodeAbiParameters(FIELDS, [v.order, v.chunk, v.attempt, v.proofDigest, v.accepted, v.validator, v.salt]),
  );
}

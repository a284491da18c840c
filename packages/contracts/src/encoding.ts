/** Constants and encodings that nodes and contracts share (solidity/libraries/Leaves.sol, Messages.sol). */
import { type Address, type Hex, pad, toHex } from 'viem';

export const PROVER = 1;
export const VALIDATOR = 2;

export const ORDER_LEAF = 1;
export const CREDIT_LEAF = 2;
export const PENALTY_LEAF = 3;

/** Credits of this account are burned when they are claimed. */
export const BURN_ACCOUNT: Address = '0x0000000000000000000000000000000000000000';

/** `a` of a credit leaf. */
export function accountKey(account: Address): Hex {
  return pad(account, { size: 32 });
}

/** `a` of a penalty leaf, and of a credit leaf that is paid into the operator's pool. */
export function operatorKey(role: number, operator: Address): Hex {
  return toHex((BigInt(role) << 160n) | BigInt(operator), { size: 32 });
}

/** Signed by the operator key for `StakeManager.register`, under the stake manager's domain (DSperse, version 1). */
export const REGISTRATION_TYPES = {
  Registration: [
    { name: 'role', type: 'uint8' },
    { name: 'operator', type: 'address' },
    { name: 'owner', type: 'address' },
  ],
} as const;

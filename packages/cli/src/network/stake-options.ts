/** Whose stake a command is about. */
import { InputError } from '@dsperse/core/graph';
import type { StakingRole } from '@dsperse/sdk';
import { type Hex, isAddress } from './identifiers.js';
import { addressOfMember, type NetworkPlace } from './network-access.js';
import type { NetworkOptions } from './network-options.js';

export interface StakeOptions extends NetworkOptions {
  readonly role?: string;
  readonly operator?: string;
  readonly operatorKeystore?: string;
  readonly operatorPasswordFile?: string;
  readonly commission?: string;
}

export interface StakeSubject {
  readonly role: StakingRole;
  readonly operator: Hex;
  /** In a local network. */
  readonly name?: string;
}

/** `prover` or `validator`; of `prover-1` too. @throws InputError `usage` */
export function parseRole(text: string): StakingRole {
  const role = text.split('-')[0];
  if (role === 'prover' || role === 'validator') return role;
  throw new InputError('usage', `--role ${text} is not known`, 'write prover or validator');
}

/** @throws InputError `usage`, `unknown-name` */
export async function subjectOf(options: StakeOptions, place: NetworkPlace): Promise<StakeSubject> {
  const { operator, role } = options;
  if (operator === undefined) {
    const hint = 'give --operator <address>, or its name in a local network, like prover-1';
    throw new InputError('usage', 'no operator is given', hint);
  }
  if (!isAddress(operator)) {
    return { role: parseRole(role ?? operator), operator: await addressOfMember(place, operator), name: operator };
  }
  if (role === undefined) throw new InputError('usage', 'no role is given', 'give --role prover or validator');
  return { role: parseRole(role), operator };
}

/** The owner's key of an operator in a local network. */
export const ownerKeyOf = ({ name }: StakeSubject): string => (name === undefined ? 'owner' : `${name}-owner`);

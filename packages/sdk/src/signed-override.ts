/** A vote against one's delegate, or against the owner of the pool that one staked in, signed for anybody to send. */
import { InputError } from '@dsperse/core/verify';
import { addressSchema, toJson } from '@dsperse/network/messages';
import type { Address, Hex } from 'viem';
import { z } from 'zod';
import type { ChainAccess } from './chain-access.js';
import { VOTES, type Vote } from './governance.js';
import { roleNumber, type StakingRole } from './staking.js';

const FORMAT = 'dsperse-override/1';

const ballotSchema = z.strictObject({
  format: z.literal(FORMAT),
  chainId: z.number().int().min(1),
  governor: addressSchema,
  proposal: z.string().regex(/^\d{1,78}$/),
  vote: z.enum(VOTES),
  voter: addressSchema,
  /** Of a wallet's own tokens where it is left out. */
  pool: z.strictObject({ role: z.enum(['prover', 'validator']), operator: addressSchema }).optional(),
  reason: z.string().max(10_000),
  /** Of the voter at the governor: with another one, the signature is void. */
  nonce: z.string().regex(/^\d{1,78}$/),
  signature: z.templateLiteral(['0x', z.string().regex(/^([0-9a-f]{2})+$/i)]),
});
export type SignedOverride = z.infer<typeof ballotSchema>;

export interface OverrideChoice {
  readonly vote: Vote;
  /** What is staked there; the tokens of the account's own wallet otherwise. */
  readonly pool?: { readonly role: StakingRole; readonly operator: Address };
  readonly reason?: string;
}

const field = (name: string, type: string) => ({ name, type });
const first = [field('proposalId', 'uint256'), field('support', 'uint8')];
const last = [field('voter', 'address'), field('nonce', 'uint256'), field('reason', 'string')];
const WALLET_FIELDS = [...first, ...last];
const POOL_FIELDS = [...first, field('role', 'uint8'), field('operator', 'address'), ...last];

/** @throws InputError `read-only` where no account signs */
export async function signOverride(chain: ChainAccess, id: bigint, choice: OverrideChoice): Promise<SignedOverride> {
  const { vote, reason = '' } = choice;
  const pool = choice.pool && { role: choice.pool.role, operator: choice.pool.operator };
  const voter = chain.account.address;
  const nonce = await chain.read('governor', 'nonces', [voter]);
  const message = { proposalId: id, support: VOTES.indexOf(vote), voter, nonce, reason };
  const signature = pool
    ? await chain.signFor('governor', 'StakeOverrideBallot', POOL_FIELDS, {
        ...message,
        role: roleNumber(pool.role),
        operator: pool.operator,
      })
    : await chain.signFor('governor', 'OverrideBallot', WALLET_FIELDS, message);
  const { chainId } = chain;
  const governor = chain.addressOf('governor');
  const ballot = { format: FORMAT, chainId, governor, proposal: id, vote, voter, pool, reason, nonce, signature };
  return ballotSchema.parse(toJson(ballot));
}

/** @throws InputError `bad-ballot` for what is none, or is of another network */
export function openOverride(chain: ChainAccess, ballot: unknown): SignedOverride {
  const parsed = ballotSchema.safeParse(ballot);
  const bad = (what: string) => new InputError('bad-ballot', `this is no signed vote: ${what}`, 'sign it anew');
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw bad(`${path.map(String).join('.')}: ${message}`);
  }
  const { chainId, governor } = parsed.data;
  if (chainId !== chain.chainId || governor !== chain.addressOf('governor').toLowerCase()) {
    throw bad(`it is for the governor ${governor} on chain ${chainId}`);
  }
  return parsed.data;
}

/**
 * Sends a vote that somebody else signed: whoever sends it pays the gas and has no part in it.
 * @throws InputError `bad-ballot`, `used-ballot`, `refused`
 */
export async function sendOverride(chain: ChainAccess, signed: unknown): Promise<Hex> {
  const { proposal, vote, voter, pool, reason, nonce, signature } = openOverride(chain, signed);
  const next = await chain.read('governor', 'nonces', [voter]);
  if (BigInt(nonce) !== next) {
    const hint = 'sign it anew: each signature counts once, and the next one voids it';
    throw new InputError('used-ballot', `the vote is number ${nonce} of ${voter}, the next is ${next}`, hint);
  }
  const [id, support] = [BigInt(proposal), VOTES.indexOf(vote)];
  const sent = pool
    ? chain.send('governor', 'castStakeOverrideVoteBySig', [
        ...([id, support, roleNumber(pool.role), pool.operator, voter, reason, signature] as const),
      ])
    : chain.send('governor', 'castOverrideVoteBySig', [id, support, voter, reason, signature]);
  return (await sent).transactionHash;
}

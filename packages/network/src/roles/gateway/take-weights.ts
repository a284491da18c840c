/** Validators' weights of provers: commitments for the epoch that is settled last, and the opening of those in its trace. */
import type { Address, Hex } from 'viem';
import {
  isSignedBy,
  type Signed,
  signedSchema,
  toJson,
  type WeightCommit,
  type WeightReveal,
  weightCommitmentOf,
  weightRevealSchema,
} from '../../messages/index.js';
import { areWeights, type EpochTrace, type SettlementState, type ValidatorStake } from '../../scoring/index.js';
import { json, type Sql } from '../../store/index.js';
import { Refusal } from '../../transport/server/refusal.js';
import type { GatewayContext } from './gateway-context.js';

const commitSchema = signedSchema('WeightCommit');

interface LastSettled {
  readonly epoch: number;
  /** Of the consensus of its state. */
  readonly commits: readonly { readonly validator: Address; readonly commitment: Hex }[];
}

/** 0 where nothing is settled yet. */
export async function lastSettledEpoch(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ epoch: number | null }>(
    `select max(epoch) as epoch from epochs where state = 'settled'`,
  );
  return row?.epoch ?? 0;
}

async function lastSettled(sql: Sql): Promise<LastSettled> {
  const [row] = await sql.query<LastSettled>(
    `select epoch, settlement->'state'->'consensus'->'commits' as commits from epochs where state = 'settled'
     order by epoch desc limit 1`,
  );
  return row ?? { epoch: 0, commits: [] };
}

/** A validator's last commitment for an epoch counts, until the next one is proposed. */
export async function takeWeightCommit(
  g: GatewayContext,
  sender: Address,
  signed: Signed<WeightCommit>,
): Promise<void> {
  const { epoch, validator } = signed.message;
  if (validator !== sender || !isSignedBy(g.network, 'WeightCommit', signed, sender)) {
    throw new Refusal(403, 'bad-signature', 'the commitment is not signed by its validator', 'sign it again');
  }
  const last = await lastSettledEpoch(g.sql);
  if (epoch !== last) {
    throw new Refusal(409, 'wrong-epoch', `weights are committed to for epoch ${last} now`, 'GET /v1/duties');
  }
  await g.sql.execute(
    `insert into weight_commits (epoch, validator, signed) values ($1, $2, $3)
     on conflict (epoch, validator) do update set signed = excluded.signed`,
    [epoch, sender, json(toJson(signed))],
  );
}

/** Weights are taken once the epoch whose trace has their commitment is settled. */
export async function takeWeightReveal(g: GatewayContext, sender: Address, reveal: WeightReveal): Promise<void> {
  if (reveal.validator !== sender || !areWeights(reveal)) {
    throw new Refusal(400, 'bad-weights', 'these are no weights of provers, or not yours', 'list provers in order');
  }
  const { epoch, commits } = await lastSettled(g.sql);
  const commitment = commits.find(({ validator }) => validator === sender)?.commitment;
  if (commitment !== weightCommitmentOf(reveal)) {
    throw new Refusal(409, 'other-weights', `you did not commit to these weights in epoch ${epoch}`, '');
  }
  await g.sql.execute(
    `insert into weight_reveals (epoch, validator, reveal) values ($1, $2, $3) on conflict do nothing`,
    [epoch, sender, json(toJson(reveal))],
  );
}

/** What an epoch's trace says of weights. @param previous that the epoch is settled upon */
export async function weightsOfEpoch(
  sql: Sql,
  previous: Pick<SettlementState, 'epoch' | 'consensus'>,
  validators: readonly ValidatorStake[],
): Promise<EpochTrace['weights']> {
  const active = new Set(validators.map(({ operator }) => operator.toLowerCase()));
  const [commits, reveals] = await Promise.all([
    sql.query<{ validator: string; signed: unknown }>(
      'select validator, signed from weight_commits where epoch = $1 order by validator',
      [previous.epoch],
    ),
    sql.query<{ validator: string; reveal: unknown }>(
      'select validator, reveal from weight_reveals where epoch = $1 order by validator',
      [previous.epoch],
    ),
  ]);
  const open = new Set(previous.consensus.commits.map(({ commitment }) => commitment));
  return {
    commits: commits.filter((row) => active.has(row.validator)).map((row) => commitSchema.parse(row.signed)),
    reveals: reveals
      .filter((row) => active.has(row.validator))
      .map((row) => weightRevealSchema.parse(row.reveal))
      .filter((reveal) => open.has(weightCommitmentOf(reveal))),
  };
}

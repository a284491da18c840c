import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Address, Hex } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { abandonedOrder, addressOf, claimOf, testimonyOn } from '../../../../../tests/network/claimed-order.js';
import { accountOf, network, prover, requester, thief, word } from '../../../../../tests/network/small-order.js';
import {
  type Appeal,
  commitmentOf,
  type ProgramDocument,
  signMessage,
  type Testimony,
  toJson,
} from '../../messages/index.js';
import type { JudgeStake } from '../../scoring/index.js';
import { json, migrate, openSql, type SqlStore } from '../../store/index.js';
import { abandonedOrders, claimDuties, forgetClaims, takeClaim, takeTestimonies } from './claims.js';
import type { GatewayContext } from './gateway-context.js';
import { judgesRunningOrder } from './judges.js';
import { MIGRATIONS } from './schema.js';
import { dutiesOf } from './take-verdicts.js';

const EXIT_AT = 3_000;
/** Half of the time to cancel. */
const CLAIMABLE_AT = EXIT_AT - 200;
const MARGIN = 30;
const FINGERPRINT = '44'.repeat(32);
const WORK = [1_000_000, 2_000_000, 1_000_000];
const program: ProgramDocument = {
  ...{ format: 'dsperse-network-program/1', name: 'small', fingerprint: FINGERPRINT, protocolVersion: 1 },
  ...{ key: `sha256:${'0'.repeat(64)}`, keyBytes: 1, inputs: ['x'], outputs: ['y'] },
  slices: WORK.map((workUnits, index) => {
    return { index, workUnits, inputs: [], outputs: [], package: `sha256:${'0'.repeat(64)}`, packageBytes: 1 };
  }),
};
const validators = [21, 22, 23, 24].map(accountOf);
const judges: JudgeStake[] = validators.map((v) => ({ operator: addressOf(v), stake: 10n }));
const made = abandonedOrder(FINGERPRINT);
const another = abandonedOrder(FINGERPRINT, word(13));

let directory: string;
let sql: SqlStore;
let g: GatewayContext;
/** Of the chain, and of this gateway, in seconds. */
let [chainNow, now] = [0, 0];
let states: Map<Hex, { state: string; exitAt: number }>;
let staked: Set<Address>;
let electorate: JudgeStake[];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-claims-'));
  sql = await openSql({ directory });
  await migrate(sql, MIGRATIONS);
  await sql.execute('insert into programs (fingerprint, document, publisher, created_ms) values ($1, $2, $3, 1)', [
    FINGERPRINT,
    json(toJson(program)),
    addressOf(requester),
  ]);
}, 120_000);
afterAll(async () => {
  await sql.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  await sql.script('delete from claims; delete from testimonies; delete from orders; delete from operators');
  [chainNow, now] = [CLAIMABLE_AT, CLAIMABLE_AT];
  states = new Map([made, another].map(({ id }) => [id, { state: 'reserved', exitAt: EXIT_AT }]));
  staked = new Set([prover, thief].map(addressOf));
  electorate = judges;
  g = {
    sql,
    network,
    log: { warn() {} },
    timing: async () => ({ exitMarginSeconds: MARGIN, epochSeconds: 1, clockSkewSeconds: 1 }),
    ledger: {
      now: async () => chainNow,
      parameters: async () => ({ exitSeconds: 900n, cancelSeconds: 400n }),
      order: async (id: Hex) => states.get(id) ?? { state: 'none', exitAt: 0 },
      stakeOf: async (_: unknown, operator: Address) => ({ active: staked.has(operator) ? 1n : 0n }),
      electorate: async () => electorate,
      committeeSeats: async () => 64,
    },
    nowMs: () => now * 1000,
  } as unknown as GatewayContext;
});

const take = (claim: Appeal, sender: PrivateKeyAccount = prover) => takeClaim(g, addressOf(sender), claim);
const count = async (table: 'claims' | 'testimonies') =>
  (await sql.query<{ n: number }>(`select count(*)::int as n from ${table}`))[0].n;
const say = (by: PrivateKeyAccount, testimonies: readonly Testimony[], none: readonly object[] = []) =>
  takeTestimonies(g, addressOf(by), { testimonies: [...testimonies], none: [...none] as never });
async function accept(claim: Appeal, by: readonly PrivateKeyAccount[] = validators.slice(0, 3)): Promise<void> {
  for (const validator of by) await say(validator, [await testimonyOn(claim, validator)]);
}

describe('a claim is taken', () => {
  it('from its prover, once the order is taken for abandoned; a second time it changes nothing', async () => {
    const claim = await claimOf(made);
    await take(claim);
    const stored = () => sql.query('select order_id, idx, attempt, prover, received_ms, exit_at, epoch from claims');
    const row = { order_id: made.id, idx: 0, attempt: 0, prover: addressOf(prover) };
    const expected = [{ ...row, received_ms: now * 1000, exit_at: EXIT_AT, epoch: null }];
    expect(await stored()).toEqual(expected);
    now += 10;
    await take(claim);
    expect(await stored()).toEqual(expected);
  });

  it('not from anybody else', async () => {
    await expect(take(await claimOf(made), thief)).rejects.toMatchObject({ status: 400, code: 'bad-claim' });
    // With a lock of its own for another's receipt, and another's proof.
    const [own, others] = [await claimOf(made, { by: thief }), await claimOf(made)];
    await expect(take({ ...own, delivery: others.delivery }, thief)).rejects.toMatchObject({ code: 'bad-claim' });
    const borrowed = await claimOf(made, { by: thief, statement: { prover: addressOf(prover) } });
    await expect(take(borrowed, thief)).rejects.toMatchObject({ code: 'bad-claim' });
    expect(await count('claims')).toBe(0);
  });

  it('not for another lock than the one that the proof was delivered for', async () => {
    const dearer = await claimOf(made, { lock: { price: 10n ** 6n }, provenFor: { price: 450n } });
    await expect(take(dearer)).rejects.toMatchObject({
      code: 'bad-claim',
      message: expect.stringMatching('proof-lock'),
    });
    expect(await count('claims')).toBe(0);
  });

  it('not of an order that its requester did not sign', async () => {
    const claim = await claimOf(made);
    const forged = { ...claim, order: { ...claim.order, signature: claim.lock.signature } };
    await expect(take(forged)).rejects.toMatchObject({ code: 'bad-claim' });
    const dearer = { ...claim, order: { ...claim.order, message: { ...made.order, budget: 10n ** 20n } } };
    await expect(take(dearer)).rejects.toMatchObject({ code: 'bad-claim' });
  });

  it('not from one that has nothing to lose', async () => {
    staked.delete(addressOf(prover));
    await expect(take(await claimOf(made))).rejects.toMatchObject({ status: 403, code: 'no-stake' });
    expect(await count('claims')).toBe(0);
  });

  it.each(['none', 'settled', 'exited'])('not of an order that is %s on the chain', async (state) => {
    states.set(made.id, { state, exitAt: EXIT_AT });
    await expect(take(await claimOf(made))).rejects.toMatchObject({ status: 409, code: 'not-reserved' });
    expect(await count('claims')).toBe(0);
  });

  it('not a second too early, by the clock of the chain', async () => {
    [chainNow, now] = [CLAIMABLE_AT - 1, EXIT_AT];
    const claim = await claimOf(made);
    await expect(take(claim)).rejects.toMatchObject({ status: 409, code: 'not-abandoned' });
    expect(await count('claims')).toBe(0);
    chainNow = CLAIMABLE_AT;
    await take(claim);
    expect(await count('claims')).toBe(1);
  });

  it('not of an order that this gateway settles itself, only of one that it does not', async () => {
    await sql.execute(
      `insert into orders (id, requester, signed, reply_key, fingerprint, state, reserved, input_digest, secret, deadline,
         budget, created_ms) values ($1, 'r', '{}', 'k', 'f', 'delivered', true, 'd', 's', 1, 1, 1)`,
      [made.id],
    );
    await expect(take(await claimOf(made))).rejects.toMatchObject({ status: 409, code: 'own-order' });
    expect(await count('claims')).toBe(0);
    await sql.script('update orders set reserved = false');
    await take(await claimOf(made));
    expect(await count('claims')).toBe(1);
  });

  it('not of a program that is not published here', async () => {
    const unknown = abandonedOrder('55'.repeat(32));
    states.set(unknown.id, { state: 'reserved', exitAt: EXIT_AT });
    await expect(take(await claimOf(unknown))).rejects.toMatchObject({ status: 409, code: 'unknown-program' });
    expect(await count('claims')).toBe(0);
  });

  it('also where another prover has claimed the same attempt before, with a lock that it signed itself', async () => {
    const forged = await claimOf(made, { by: thief });
    const claim = await claimOf(made);
    await take(forged, thief);
    await take(claim);
    await accept(claim);
    now += 26;
    const [order] = await abandonedOrders(g, { aside: [], most: 9 }, () => 0);
    expect(order.claims.map(({ lock }) => lock.message.prover)).toEqual([addressOf(prover)]);
  });
});

describe('the room for claims', () => {
  it('is not taken by one prover with attempts that there were not', async () => {
    const most = 8 * WORK.length;
    for (let attempt = 0; attempt < most; attempt++)
      await take(await claimOf(made, { by: thief, lock: { attempt } }), thief);
    const more = await claimOf(made, { by: thief, lock: { attempt: most } });
    await expect(take(more, thief)).rejects.toMatchObject({ status: 429, code: 'too-many' });
    await take(await claimOf(made, { by: thief, lock: { attempt: 1 } }), thief);
    await take(await claimOf(made));
    await take(await claimOf(another, { by: thief }), thief);
    expect(await count('claims')).toBe(most + 2);
  });

  it('is bounded', async () => {
    await sql.execute(
      `insert into claims (order_id, idx, attempt, prover, claim, received_ms, exit_at)
       select 'o', i, 0, 'p', '{}', 1, 1 from generate_series(1, 100000) i`,
    );
    await expect(take(await claimOf(made))).rejects.toMatchObject({ status: 429, code: 'too-many' });
    await sql.script('delete from claims where idx = 1');
    await take(await claimOf(made));
    // What stands is not refused, however many there are.
    await take(await claimOf(made));
    expect(await count('claims')).toBe(100_000);
  });
});

describe('validators are asked', () => {
  const duty = { kind: 'testify', order: made.id, chunk: 0, attempt: 0 };
  const duties = (k: number) => claimDuties(sql, addressOf(validators[k]));

  it('once for an attempt, however many claim it, until they have said what they gave', async () => {
    await take(await claimOf(made));
    await take(await claimOf(made, { by: thief }), thief);
    await take(await claimOf(made, { lock: { chunk: 1, attempt: 2 } }));
    const second = { ...duty, chunk: 1, attempt: 2 };
    const asked = await duties(0);
    expect(asked).toHaveLength(2);
    expect(asked).toEqual(expect.arrayContaining([duty, second]));
    await say(validators[0], [await testimonyOn(await claimOf(made), validators[0])]);
    expect(await duties(0)).toEqual([second]);
    // That it has none is an answer, and each is asked for itself.
    await say(validators[0], [], [{ order: made.id, chunk: 1, attempt: 2 }]);
    expect(await duties(0)).toEqual([]);
    expect(await duties(1)).toHaveLength(2);
  });

  it('also those whose stake is gone since', async () => {
    await take(await claimOf(made));
    expect(await dutiesOf(g, addressOf(validators[0]), false)).toEqual([duty]);
    // They are let in where they announced themselves, and judge the order.
    expect(await judgesRunningOrder(g, addressOf(validators[0]))).toBe(false);
    for (const by of [validators[0], thief]) {
      await sql.execute(
        `insert into operators (address, endpoint, sequence, roles, ask, capacity, rate, seen_ms)
         values ($1, '{}', 1, 7, 0, 1, 1, 1)`,
        [addressOf(by)],
      );
    }
    expect(await judgesRunningOrder(g, addressOf(validators[0]))).toBe(true);
    expect(await judgesRunningOrder(g, addressOf(thief))).toBe(false);
  });

  it('nothing about orders that are being settled', async () => {
    await take(await claimOf(made));
    await sql.script('update claims set epoch = 3');
    expect(await duties(0)).toEqual([]);
    expect(await judgesRunningOrder(g, addressOf(validators[0]))).toBe(false);
  });
});

describe('a testimony is taken', () => {
  const [own, other] = validators;
  let claim: Appeal;
  beforeEach(async () => {
    claim = await claimOf(made);
    await take(claim);
  });
  const stored = async () =>
    (await sql.query<{ signed: unknown }>('select signed from testimonies')).map((r) => r.signed);

  it('as it was signed, also from one that had said that it has none; not taken back', async () => {
    const key = { order: made.id, chunk: 0, attempt: 0 };
    const testimony = await testimonyOn(claim, own);
    await say(own, [], [key]);
    expect(await stored()).toEqual([null]);
    await say(own, [testimony]);
    await say(own, [], [key]);
    await say(own, [await testimonyOn(claim, own, { accepted: false })]);
    expect(await stored()).toEqual([toJson(testimony)]);
  });

  const committed = (message: Testimony['commit']['message']) => signMessage(own, network, 'VerdictCommit', message);

  it('not in another’s name', async () => {
    const refused = { status: 403, code: 'bad-signature' };
    await expect(say(own, [await testimonyOn(claim, other)])).rejects.toMatchObject(refused);
    // Signed by whoever sends it, about another; commitment and verdict each.
    const [mine, named] = [await testimonyOn(claim, own), { validator: addressOf(other) }];
    const verdict = { ...mine.verdict.message, ...named };
    for (const forged of [
      { ...mine, commit: await committed({ ...mine.commit.message, ...named }) },
      {
        commit: await committed({ ...mine.commit.message, commitment: commitmentOf(verdict) }),
        verdict: await signMessage(own, network, 'Verdict', verdict),
      },
    ]) {
      await expect(say(own, [forged])).rejects.toMatchObject(refused);
    }
    expect(await stored()).toEqual([]);
  });

  it('not with the commitment to another verdict, or on another attempt', async () => {
    const accepted = await testimonyOn(claim, own);
    for (const change of [{ accepted: false }, { salt: word(31) }, { proofDigest: word(32) }]) {
      const { commit } = await testimonyOn(claim, own, change);
      await expect(say(own, [{ ...accepted, commit }])).rejects.toMatchObject({ code: 'bad-signature' });
    }
    for (const change of [{ attempt: 1 }, { chunk: 1 }, { order: another.id }]) {
      const { commit, verdict } = await testimonyOn(claim, own, change);
      await expect(say(own, [{ verdict, commit: accepted.commit }])).rejects.toMatchObject({ code: 'bad-signature' });
      // To this verdict, but named for another attempt.
      const { commitment } = commit.message;
      for (const relabelled of [
        { verdict, commit: await committed({ ...accepted.commit.message, commitment }) },
        { ...accepted, commit: await committed({ ...accepted.commit.message, ...change }) },
      ]) {
        await expect(say(own, [relabelled])).rejects.toMatchObject({ code: 'bad-signature' });
      }
    }
    expect(await stored()).toEqual([]);
  });

  it('not where verdict or commitment is not signed', async () => {
    const { commit, verdict } = await testimonyOn(claim, own);
    const { signature } = claim.lock;
    for (const forged of [
      { commit: { ...commit, signature }, verdict },
      { commit, verdict: { ...verdict, signature } },
    ]) {
      await expect(say(own, [forged])).rejects.toMatchObject({ code: 'bad-signature' });
    }
    expect(await stored()).toEqual([]);
  });

  it('only where somebody claims the attempt', async () => {
    const unclaimed = await claimOf(made, { lock: { attempt: 1 } });
    await say(own, [await testimonyOn(unclaimed, own)], [{ order: another.id, chunk: 0, attempt: 0 }]);
    expect(await stored()).toEqual([]);
  });
});

describe('an abandoned order is settled', () => {
  const place = () => 7;
  const found = (which: Partial<Parameters<typeof abandonedOrders>[1]> = {}) =>
    abandonedOrders(g, { aside: [], most: 9, ...which }, place);
  const chunks = async () =>
    (await found()).map(({ claims }) => claims.map((c) => [c.lock.message.chunk, c.lock.message.attempt]));
  const WAIT = 200 / 8;
  const later = () => {
    now += WAIT + 1;
    chainNow += WAIT + 1;
  };
  async function claimed(parts: Parameters<typeof claimOf>[1] = {}, by?: readonly PrivateKeyAccount[]) {
    const claim = await claimOf(made, parts);
    await take(claim, parts.by);
    await accept(claim, by);
    return claim;
  }

  it('with what was signed, and the work of its slices', async () => {
    const claim = await claimed({ statement: { count: 2 } });
    // One has given none; of another chunk there are others.
    await say(validators[3], [], [{ order: made.id, chunk: 0, attempt: 0 }]);
    await claimed({ lock: { chunk: 2 } });
    later();
    const [order, ...others] = await found();
    expect(others).toEqual([]);
    expect(order).toMatchObject({ id: made.id, electorate: 7, committeeSeats: 64, order: claim.order });
    expect(order.claims).toHaveLength(2);
    const { lock, delivery } = claim;
    expect(order.claims[0]).toMatchObject({
      lock,
      proof: delivery.proof,
      receipt: delivery.receipt,
      workUnits: 3_000_000,
    });
    const signed = await Promise.all(validators.slice(0, 3).map((v) => testimonyOn(claim, v)));
    for (const [key, of] of [
      ['commits', 'commit'],
      ['verdicts', 'verdict'],
    ] as const) {
      const list: readonly unknown[] = order.claims[0][key];
      expect(list).toHaveLength(3);
      expect(list).toEqual(expect.arrayContaining(signed.map((s) => s[of])));
    }
  });

  it('a while after the first claim of it, whatever comes behind', async () => {
    await claimed();
    now += WAIT;
    expect(await chunks()).toEqual([]);
    await claimed({ lock: { chunk: 1 } });
    now += 1;
    expect(await chunks()).toEqual([
      [
        [0, 0],
        [1, 0],
      ],
    ]);
  });

  it('with chunks that more than two thirds accepted, and with no others', async () => {
    await claimed({}, validators.slice(0, 2));
    await claimed({ lock: { chunk: 1 } });
    const rejected = await claimOf(made, { lock: { chunk: 2 } });
    await take(rejected);
    for (const v of validators) await say(v, [await testimonyOn(rejected, v, { accepted: false })]);
    later();
    expect(await chunks()).toEqual([[[1, 0]]]);
  });

  it('not at all where nothing was accepted', async () => {
    await take(await claimOf(made));
    later();
    let places = 0;
    expect(await abandonedOrders(g, { aside: [], most: 9 }, () => places++)).toEqual([]);
    expect(places).toBe(0);
  });

  it('with verdicts on the proof that is claimed', async () => {
    const claim = await claimOf(made);
    await take(claim);
    // Another proof of the same attempt is what they accepted.
    await accept(await claimOf(made, { proof: '1' }));
    later();
    expect(await chunks()).toEqual([]);
  });

  it('without the verdicts of those who do not judge it: their stake counts for nothing, and they hold nothing up', async () => {
    const claim = await claimed({}, validators.slice(0, 2));
    await accept(claim, [31, 32, 33].map(accountOf));
    later();
    expect(await chunks()).toEqual([]);
    await accept(claim, [validators[2]]);
    const [{ claims }] = await found();
    const voters = claims[0].verdicts.map(({ message }) => message.validator).sort();
    expect(voters).toEqual(validators.slice(0, 3).map(addressOf).sort());
  });

  it('with the first attempt at a chunk that was accepted', async () => {
    await claimed({ lock: { attempt: 2 } });
    await claimed({ by: thief, lock: { attempt: 1 } });
    await claimed({ lock: { attempt: 0 } }, []);
    later();
    expect(await chunks()).toEqual([[[0, 1]]]);
  });

  it('with no slice twice', async () => {
    await claimed({ statement: { count: 2 } });
    await claimed({ by: thief, lock: { chunk: 1 }, statement: { index: 1, count: 2 } });
    await claimed({ lock: { chunk: 2 } });
    later();
    expect(await chunks()).toEqual([
      [
        [0, 0],
        [2, 0],
      ],
    ]);
  });

  it('with no chunk twice', async () => {
    await claimed();
    await claimed({ by: thief, lock: { attempt: 1 }, statement: { index: 1 } });
    later();
    expect(await chunks()).toEqual([[[0, 0]]]);
  });

  it('within its budget', async () => {
    const { budget } = made.order;
    await claimed({ lock: { price: budget - 1n } });
    await claimed({ by: thief, lock: { chunk: 1, price: 2n } });
    await claimed({ lock: { chunk: 2, price: 1n } });
    later();
    expect(await chunks()).toEqual([
      [
        [0, 0],
        [2, 0],
      ],
    ]);
  });

  it.each(['none', 'settled', 'exited'])('not where it is %s on the chain meanwhile', async (state) => {
    await claimed();
    later();
    states.set(made.id, { state, exitAt: EXIT_AT });
    expect(await chunks()).toEqual([]);
  });

  it('not where the reserve is about to return', async () => {
    await claimed();
    [chainNow, now] = [EXIT_AT - MARGIN, EXIT_AT - MARGIN];
    expect(await chunks()).toHaveLength(1);
    chainNow += 1;
    expect(await chunks()).toEqual([]);
  });

  it('not too early by either clock', async () => {
    await claimed();
    later();
    chainNow = CLAIMABLE_AT - 1;
    expect(await chunks()).toEqual([]);
    chainNow = CLAIMABLE_AT;
    expect(await chunks()).toHaveLength(1);
    // A gateway whose clock is behind closes the epoch by its own.
    now = CLAIMABLE_AT - 1;
    await sql.script('update claims set received_ms = 0');
    expect(await chunks()).toEqual([]);
  });

  it('not while it is set aside, or in an epoch already, and no more of them than fit', async () => {
    await claimed();
    const other = await claimOf(another);
    await take(other);
    await accept(other);
    later();
    const ids = async (which: Parameters<typeof found>[0] = {}) => (await found(which)).map(({ id }) => id);
    expect((await ids()).sort()).toEqual([made.id, another.id].sort());
    expect(await ids({ aside: [made.id] })).toEqual([another.id]);
    expect(await ids({ most: 1 })).toHaveLength(1);
    // Whose reserve returns first comes first.
    for (const { id } of [made, another]) {
      await sql.execute('update claims set exit_at = case when order_id = $1 then 1 else 2 end', [id]);
      expect(await ids({ most: 1 })).toEqual([id]);
    }
    await sql.execute('update claims set epoch = 1 where order_id = $1', [another.id]);
    expect(await ids()).toEqual([made.id]);
  });

  it('whatever was claimed of others, that nobody accepted', async () => {
    await claimed();
    await take(await claimOf(another));
    await sql.execute('update claims set exit_at = exit_at - 1 where order_id = $1', [another.id]);
    await say(validators[0], [], [{ order: another.id, chunk: 0, attempt: 0 }]);
    later();
    expect((await found({ most: 1 })).map(({ id }) => id)).toEqual([made.id]);
  });
});

describe('claims are forgotten', () => {
  it('with what was said of them, once the reserve is back, but not while an epoch has the order', async () => {
    for (const order of [made, another]) {
      const claim = await claimOf(order);
      await take(claim);
      await accept(claim);
    }
    await sql.execute('update claims set epoch = 1 where order_id = $1', [another.id]);
    now = EXIT_AT;
    await forgetClaims(g);
    expect([await count('claims'), await count('testimonies')]).toEqual([2, 6]);
    now = EXIT_AT + 1;
    await forgetClaims(g);
    expect(await sql.query('select order_id from claims')).toEqual([{ order_id: another.id }]);
    expect(await sql.query('select distinct order_id from testimonies')).toEqual([{ order_id: another.id }]);
    // What was settled went from the claims before.
    await sql.script('delete from claims');
    await forgetClaims(g);
    expect(await count('testimonies')).toBe(0);
  });

  it.each([
    ['settled', 0],
    ['exited', 0],
    // As on a chain that has lost its last blocks.
    ['none', 1],
  ])('of an order that is %s on the chain, at once where that is final', async (state, left) => {
    await take(await claimOf(made));
    await forgetClaims(g);
    expect(await count('claims')).toBe(1);
    states.set(made.id, { state, exitAt: EXIT_AT });
    await forgetClaims(g);
    expect(await count('claims')).toBe(left);
  });
});

import type { Hex } from 'viem';
import { beforeEach, expect, test } from 'vitest';
import { addressOf } from '../../../../../tests/network/claimed-order.js';
import { accountOf, network, word } from '../../../../../tests/network/small-order.js';
import type { Ledger } from '../../chain/ledger.js';
import { commitmentOf, isSignedBy, testimoniesSchema, toJson, type VerdictMessage } from '../../messages/index.js';
import type { Identity } from '../../node/index.js';
import { testimoniesOf } from './testify.js';
import { type CaseKeyParts, caseText } from './validator-journal.js';

const EXIT_AT = 3_000;
/** Half of the time to cancel. */
const CLAIMABLE_AT = EXIT_AT - 200;
const account = accountOf(21);
const [order, another] = [word(1), word(2)];
const verdictOn = (key: CaseKeyParts, accepted = true): VerdictMessage => {
  return { ...key, proofDigest: word(5), accepted, validator: addressOf(account), salt: word(6) };
};

let now: number;
let states: Map<Hex, { state: string; exitAt: number }>;
let given: Map<string, VerdictMessage>;
beforeEach(() => {
  now = CLAIMABLE_AT;
  states = new Map([order, another].map((id) => [id, { state: 'reserved', exitAt: EXIT_AT }]));
  given = new Map();
});
const give = (verdict: VerdictMessage) => void given.set(caseText(verdict), verdict);
const said = (...asked: CaseKeyParts[]) => {
  const ledger = {
    now: async () => now,
    parameters: async () => ({ exitSeconds: 900n, cancelSeconds: 400n }),
    order: async (id: Hex) => states.get(id) ?? { state: 'none', exitAt: 0 },
  } as unknown as Ledger;
  const identity = { account } as unknown as Identity;
  const journal = { verdict: (key: CaseKeyParts) => given.get(caseText(key)) };
  return testimoniesOf({ identity, network, ledger, journal }, asked);
};
const key = { order, chunk: 1, attempt: 2 };

test('a verdict is said as the journal has it, signed and with its commitment, whatever it was', async () => {
  const rejected = { order: another, chunk: 0, attempt: 0 };
  give(verdictOn(key));
  give(verdictOn(rejected, false));
  const { testimonies, none } = await said(key, rejected);
  expect(none).toEqual([]);
  expect(testimonies.map(({ verdict }) => verdict.message)).toEqual([verdictOn(key), verdictOn(rejected, false)]);
  for (const { commit, verdict } of testimonies) {
    const { order: id, chunk, attempt, validator } = verdict.message;
    expect(commit.message).toEqual({ order: id, chunk, attempt, validator, commitment: commitmentOf(verdict.message) });
    expect(isSignedBy(network, 'Verdict', verdict, addressOf(account))).toBe(true);
    expect(isSignedBy(network, 'VerdictCommit', commit, addressOf(account))).toBe(true);
  }
  // As a gateway reads it.
  expect(() => testimoniesSchema.parse(toJson({ testimonies, none }))).not.toThrow();
});

test('where there was none, that is said, of exactly this attempt', async () => {
  give(verdictOn({ ...key, attempt: 1 }));
  give(verdictOn({ ...key, order: another }));
  // What a gateway adds to its question is not said back.
  const asked = { ...key, kind: 'testify' };
  expect(await said(asked)).toEqual({ testimonies: [], none: [key] });
});

test('nothing is said of an order that its gateway may still settle: others could say it after us', async () => {
  now = CLAIMABLE_AT - 1;
  give(verdictOn(key));
  expect(await said(key, { ...key, attempt: 3 })).toEqual({ testimonies: [], none: [] });
  // Of each by its own time.
  states.set(another, { state: 'reserved', exitAt: EXIT_AT - 1 });
  give(verdictOn({ ...key, order: another }));
  const { testimonies } = await said(key, { ...key, order: another });
  expect(testimonies.map(({ verdict }) => verdict.message.order)).toEqual([another]);
  now = CLAIMABLE_AT;
  expect((await said(key, { ...key, attempt: 3 })).none).toEqual([{ ...key, attempt: 3 }]);
  expect((await said(key)).testimonies).toHaveLength(1);
});

test.each(['settled', 'exited'])(
  'of an order that is %s on the chain no verdict is said, and that once',
  async (state) => {
    give(verdictOn(key));
    states.set(order, { state, exitAt: EXIT_AT });
    expect(await said(key, { ...key, attempt: 3 })).toEqual({ testimonies: [], none: [key, { ...key, attempt: 3 }] });
  },
);

test('nothing is said of an order that the chain does not know', async () => {
  give(verdictOn(key));
  states.set(order, { state: 'none', exitAt: EXIT_AT });
  expect(await said(key, { ...key, attempt: 3 })).toEqual({ testimonies: [], none: [] });
  states.delete(order);
  expect(await said(key)).toEqual({ testimonies: [], none: [] });
});

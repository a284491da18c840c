/** What transactions cost. WRITE_GAS=1 writes docs/gas.md; else its numbers must be near those measured. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Hex, keccak256, stringToHex } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROVER, VALIDATOR } from './encoding.js';
import { ACTORS, SHARES_PER_UNIT, startNetwork, type TestNetwork, TOKEN } from './testing/network.js';
import {
  creditLeaf,
  depositAs,
  freshHash,
  joinAs,
  type Leaf,
  orderLeaf,
  orderOf,
  penaltyLeaf,
  poolCreditLeaf,
  postEpoch,
  reserveAs,
  sign,
} from './testing/signing.js';

const PAGE = new URL('../../../docs/gas.md', import.meta.url);
const [, requester, prover, delegator, ...others] = ACTORS;
const validators = others.slice(0, 7);
const WINDOW = 1_000n;

let net: TestNetwork;
const rows: { group: string; what: string; gas: bigint }[] = [];
const note = (group: string, what: string, gas: bigint) => rows.push({ group, what, gas });

async function measure(group: string, what: string, ...call: Parameters<TestNetwork['send']>) {
  // In a second of its own: what is recorded twice in one second costs less.
  await net.pass(2);
  note(group, what, (await net.send(...call)).gasUsed);
}

async function reserveMany(count: number) {
  const now = await net.now();
  const orders = Array.from({ length: count }, () => orderOf(requester.address, TOKEN, now + 1_000n));
  const signatures = await Promise.all(orders.map((order) => sign(net, requester, 'Order', order)));
  return [orders, signatures];
}

async function market() {
  const group = 'Market';
  await net.send(requester, 'token', 'approve', [net.at.market, 2n ** 255n]);
  await measure(group, 'deposit, first', requester, 'market', 'deposit', [1_000n * TOKEN]);
  await measure(group, 'deposit, later', requester, 'market', 'deposit', [1_000n * TOKEN]);
  const [[order], [signature]] = await reserveMany(1);
  await measure(group, 'reserve', prover, 'market', 'reserve', [order, signature]);
  await measure(group, 'reserveMany, 20 orders', prover, 'market', 'reserveMany', await reserveMany(20));
  const [[placed]] = await reserveMany(1);
  await measure(group, 'place', requester, 'market', 'place', [placed]);
  const id = await reserveAs(net, requester, TOKEN);
  await measure(group, 'requestCancel', requester, 'market', 'requestCancel', [id]);
  await net.pass(100);
  await measure(group, 'forceExit', requester, 'market', 'forceExit', [id]);
  await measure(group, 'withdraw', requester, 'market', 'withdraw', [TOKEN, requester.address]);
}

async function stake() {
  const group = 'StakeManager';
  await measure(group, 'register', prover, 'stake', 'register', [PROVER, prover.address, 0n, '0x']);
  for (const actor of [prover, delegator]) await net.send(actor, 'token', 'approve', [net.at.stake, 2n ** 255n]);
  const pool = [PROVER, prover.address];
  await measure(group, 'stake, first of a pool', prover, 'stake', 'stake', [...pool, 1_000n * TOKEN]);
  await measure(group, 'stake, a delegator', delegator, 'stake', 'stake', [...pool, 1_000n * TOKEN]);
  await measure(group, 'undelegate', delegator, 'stake', 'undelegate', [...pool, 10n * TOKEN * SHARES_PER_UNIT]);
  await net.pass(1_000);
  await measure(group, 'withdraw', delegator, 'stake', 'withdraw', [...pool, 0n]);
  await measure(group, 'reward', delegator, 'stake', 'reward', [...pool, TOKEN]);
}

const entryOf = ({ a: order, b: spent }: Leaf) => ({ order, spent, delivered: true });

async function settlement() {
  const group = 'Settlement';
  for (const validator of validators) await joinAs(net, validator, VALIDATOR, 20_000n * TOKEN);
  const orders: Leaf[] = [];
  for (let i = 0; i < 100; i++) orders.push(orderLeaf(await reserveAs(net, requester, TOKEN), TOKEN / 2n));
  const evidence = freshHash();
  const credit = creditLeaf(prover.address, 10n * TOKEN);
  const poolCredit = poolCreditLeaf(VALIDATOR, validators[0].address, 5n * TOKEN);
  const penalty = penaltyLeaf(PROVER, prover.address, TOKEN, evidence);
  const rest = Array.from({ length: 153 }, (_, i) => creditLeaf(`0x${(i + 1).toString(16).padStart(40, '0')}`, 1n));
  const at = await postEpoch(net, validators, [...orders, credit, poolCredit, penalty, ...rest], 50n * TOKEN);
  note(group, 'post, 7 signatures', at.gasUsed);
  await net.pass(WINDOW);
  const settle = (leaves: Leaf[]) => [at.epoch, leaves.map(entryOf), leaves.map((leaf) => at.tree.proof(leaf))];
  await measure(
    group,
    'settleOrders, 1 of 256 leaves',
    prover,
    'settlement',
    'settleOrders',
    settle(orders.slice(0, 1)),
  );
  await measure(
    group,
    'settleOrders, 50 of 256 leaves',
    prover,
    'settlement',
    'settleOrders',
    settle(orders.slice(1, 51)),
  );
  const claim = [at.epoch, prover.address, 10n * TOKEN, at.tree.proof(credit)];
  await measure(group, 'claim', prover, 'settlement', 'claim', claim);
  const toPool = [at.epoch, VALIDATOR, validators[0].address, 5n * TOKEN, at.tree.proof(poolCredit)];
  await measure(group, 'claimToPool', prover, 'settlement', 'claimToPool', toPool);
  const penalise = [at.epoch, prover.address, PROVER, TOKEN, evidence, at.tree.proof(penalty)];
  await measure(group, 'penalise', delegator, 'settlement', 'penalise', penalise);
  await evidenceCosts(group);
}

async function evidenceCosts(group: string) {
  const order = keccak256('0x01');
  const verdict = { order, chunk: 0, attempt: 0, proofDigest: order, validator: validators[1].address, salt: order };
  const pair = [true, false].map((accepted) => ({ ...verdict, accepted }));
  const args: unknown[] = [];
  for (const one of pair) args.push(one, await sign(net, validators[1], 'Verdict', one));
  await measure(group, 'proveVerdictEquivocation', delegator, 'settlement', 'proveVerdictEquivocation', args);
  const leaf = orderLeaf(freshHash(), 1n);
  const bad = await postEpoch(net, validators, [leaf, creditLeaf(prover.address, 20n * TOKEN)]);
  const signers = validators.map(({ address }) => address).sort((x, y) => (BigInt(x) < BigInt(y) ? -1 : 1));
  const located = { epoch: bad.epoch, leaf, proof: bad.tree.proof(leaf) };
  await measure(group, 'challengeOrder, 7 signers', delegator, 'settlement', 'challengeOrder', [located, signers]);
}

async function rest() {
  const model: Hex = keccak256('0x02');
  await measure('Others', 'ModelRegistry.register', delegator, 'models', 'register', [model, 1, model, 1n]);
  await measure('Others', 'token transfer', delegator, 'token', 'transfer', [requester.address, 1n]);
  const set = [stringToHex('feeBps', { size: 32 }), 1_010n];
  await measure('Others', 'Parameters.set, by the timelock', net.at.timelock, 'parameters', 'set', set);
}

function page(): string {
  const groups = [...new Set(rows.map(({ group }) => group))];
  const table = (group: string) => {
    const own = rows.filter((row) => row.group === group);
    const cells = [['transaction', 'gas'], ...own.map(({ what, gas }) => [what, gas.toLocaleString('en-US')])];
    const [left, right] = [0, 1].map((column) => Math.max(...cells.map((cell) => cell[column].length)));
    const [title, ...lines] = cells.map(([a, b]) => `| ${a.padEnd(left)} | ${b.padStart(right)} |`);
    const rule = `| ${'-'.repeat(left)} | ${'-'.repeat(right - 1)}: |`;
    return [`## ${group}`, '', title, rule, ...lines].join('\n');
  };
  return `# Gas

Measured by \`WRITE_GAS=1 npx vitest run packages/contracts/src/gas\` on a local chain with the rules of cancun; a test
keeps the numbers within 3 %. Proofs are of a tree of 256 leaves. The token records balances for past votes, which is
about half of the cost of a transfer.

${groups.map(table).join('\n\n')}
`;
}

describe('gas', () => {
  beforeAll(async () => {
    net = await startNetwork({
      parameters: {
        challengeSeconds: { value: WINDOW, min: 1n },
        cancelSeconds: { value: 100n, min: 1n },
        exitSeconds: { value: 50_000n, min: 1n },
      },
    });
    for (const [step, gas] of Object.entries(net.gasUsed)) note('Deployment', step, gas);
    note(
      'Deployment',
      'all',
      Object.values(net.gasUsed).reduce((sum, gas) => sum + gas, 0n),
    );
  });
  afterAll(() => net?.stop());

  it('is what docs/gas.md says', async () => {
    await market();
    await stake();
    await depositAs(net, requester, 1_000n * TOKEN);
    await settlement();
    await rest();
    if (process.env.WRITE_GAS) writeFileSync(PAGE, page());
    const written = readFileSync(PAGE, 'utf8');
    for (const { group, what, gas } of rows) {
      const section = written.slice(written.indexOf(`## ${group}\n`));
      const line = section.split('\n').find((row) => row.split('|')[1]?.trim() === what);
      const number = Number(line?.split('|')[2].replaceAll(',', ''));
      expect([what, Math.abs(number - Number(gas)) <= Number(gas) * 0.03]).toEqual([what, true]);
    }
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Hex, numberToHex, pad } from 'viem';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Acknowledgement, Lock } from '../../messages/index.js';
import { keyText, ProverJournal } from './prover-journal.js';

const word = (k: number): Hex => pad(numberToHex(k), { size: 32 });
const address: Hex = '0x00000000000000000000000000000000000000aa';
const signature = `0x${'12'.repeat(65)}` as Hex;
const key = { order: word(1), chunk: 2, attempt: 0 };
const message: Lock = { ...key, prover: address, price: 10n ** 18n, collateral: 5n, deadline: 100 };
const lock = { message, signature };
const acknowledgement = {
  message: { ...key, proofDigest: word(3), gateway: address, receivedAt: 50 } as Acknowledgement,
  signature,
};

let directory: string;
let journal: ProverJournal;
const open = async (nowMs?: () => number, lookBytes?: number) => {
  journal = await ProverJournal.open(join(directory, 'journal'), nowMs, lookBytes);
};
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'dsperse-prover-'));
  await open();
});
afterEach(async () => {
  await journal.close();
  rmSync(directory, { recursive: true, force: true });
});

it('knows after a crash which locks were signed, until they end', async () => {
  await journal.lock('http://gateway', 'ab'.repeat(32), lock);
  await journal.close();
  await open();
  expect([...journal.openLocks]).toEqual([
    [keyText(key), { gateway: 'http://gateway', fingerprint: 'ab'.repeat(32), lock }],
  ]);
  await journal.ended(key, 'missed');
  await journal.close();
  await open();
  expect(journal.openLocks.size).toBe(0);
});

it('keeps acknowledgements as evidence, for a time', async () => {
  await journal.lock('http://gateway', 'ab'.repeat(32), lock);
  await journal.acknowledged(key, acknowledgement);
  await journal.ended(key, 'delivered');
  await journal.close();
  await open();
  expect(journal.openLocks.size).toBe(0);
  expect(journal.acknowledgement(key)).toEqual(acknowledgement);
  await journal.close();
  await open(() => Date.now() + 31 * 24 * 3_600_000);
  expect(journal.acknowledgement(key)).toBeUndefined();
});

it('loses no lock that is signed while the journal drops others', async () => {
  await journal.close();
  await open(undefined, 8_000);
  for (let k = 0; k < 120; k += 4) {
    const locks = [0, 1, 2, 3].map((i) => ({ message: { ...message, order: word(k + i) }, signature }));
    await Promise.all(locks.map((l) => journal.lock('http://gateway', 'ab'.repeat(32), l)));
    // Of four one is held on to.
    await Promise.all(locks.slice(1).map((l) => journal.ended(l.message, 'delivered')));
  }
  const held = Array.from({ length: 30 }, (_, i) => keyText({ ...key, order: word(4 * i) }));
  expect([...journal.openLocks.keys()]).toEqual(held);
  await journal.close();
  await open();
  expect([...journal.openLocks.keys()]).toEqual(held);
});

it('holds acknowledgements of orders that are not settled only, however many there were', async () => {
  await journal.close();
  await open(undefined, 8_000);
  for (let k = 0; k < 200; k++) {
    const at = { ...key, order: word(k) };
    await journal.lock('http://gateway', 'ab'.repeat(32), { message: { ...message, ...at }, signature });
    await journal.acknowledged(at, { ...acknowledgement, message: { ...acknowledgement.message, ...at } });
    await journal.ended(at, 'delivered');
    // The first ones stay open.
    if (k >= 3) journal.settled(word(k).toUpperCase().replace('X', 'x') as Hex);
  }
  const orders = () => [...journal.acknowledgements].map((a) => a.message.order);
  expect(orders().slice(0, 3)).toEqual([0, 1, 2].map(word));
  expect(orders().length).toBeLessThan(60);
  await journal.close();
  await open();
  expect(orders().slice(0, 3)).toEqual([0, 1, 2].map(word));
});

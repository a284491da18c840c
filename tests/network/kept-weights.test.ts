/** Commitments to weights that a prover keeps on the disk. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openConstantsCache } from '@dsperse/network/store';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PreparedChunks } from '../../packages/network/src/roles/prover/prove-chunk.js';
import { jobOf, proveJob, type SmallProgram, smallOrder, smallProgram } from './small-order.js';

let program: SmallProgram;
let directory: string;
beforeAll(async () => {
  program = await smallProgram('standard');
  directory = mkdtempSync(join(tmpdir(), 'dsperse-weights-'));
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await program.kernels.close();
});

/** The proof of a prover that has just started. */
async function provenAnew(keeps: boolean): Promise<Uint8Array> {
  const store = keeps ? openConstantsCache({ directory, leastBytes: 1 }) : undefined;
  const prepared = new PreparedChunks(program.kernels, store);
  try {
    const order = smallOrder(program);
    return (await proveJob({ ...program, prepared }, jobOf(program, order, 0))).proof;
  } finally {
    prepared.clear();
  }
}

const files = () => readdirSync(directory).map((name) => join(directory, name));

it('are found by the next prover, which makes the same proof, also where they are damaged', async () => {
  const proof = await provenAnew(false);
  expect(files()).toEqual([]);
  expect(await provenAnew(true)).toEqual(proof);
  expect(files()).not.toEqual([]);
  const kept = files().map((path) => readFileSync(path));
  expect(await provenAnew(true)).toEqual(proof);
  expect(files().map((path) => readFileSync(path))).toEqual(kept);
  for (const [i, path] of files().entries())
    writeFileSync(
      path,
      kept[i].map((byte, at) => (at < 4096 ? byte ^ 1 : byte)),
    );
  expect(await provenAnew(true)).toEqual(proof);
  expect(files().map((path) => readFileSync(path))).toEqual(kept);
});

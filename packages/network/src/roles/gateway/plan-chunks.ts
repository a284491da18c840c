/** The chunks that a gateway cuts a program into: of each there will be one proof. */
import { type Chunk, chunkSlices } from '../../market/index.js';
import type { ProgramDocument } from '../../messages/index.js';
import { fitsMemory } from '../peer/prover-memory.js';
import type { GatewayContext } from './gateway-context.js';
import { keyOfProgram } from './programs.js';

const REMEMBERED = 64;
/** Of each gateway, by fingerprint; least recently used first. */
const remembered = new WeakMap<GatewayContext, Map<string, Promise<readonly Chunk[]>>>();

/** Slices stand together as far as one proof and the memory of a prover hold them. @throws Refusal `missing-blobs` */
export function chunksOf(g: GatewayContext, program: ProgramDocument): Promise<readonly Chunk[]> {
  const known = remembered.get(g) ?? new Map<string, Promise<readonly Chunk[]>>();
  remembered.set(g, known);
  const { fingerprint } = program;
  const plan = known.get(fingerprint) ?? planChunks(g, program);
  known.delete(fingerprint);
  known.set(fingerprint, plan);
  plan.catch(() => known.delete(fingerprint));
  for (const oldest of known.keys()) {
    if (known.size <= REMEMBERED) break;
    known.delete(oldest);
  }
  return plan;
}

async function planChunks(g: GatewayContext, program: ProgramDocument): Promise<readonly Chunk[]> {
  const { chunkWorkUnits, maxChunks, proverMemoryBytes } = g.settings;
  const key = await keyOfProgram(g, program);
  return chunkSlices(program.slices, {
    targetWorkUnits: chunkWorkUnits,
    maxChunks,
    isProvable: (index, count) => fitsMemory(key, index, count, proverMemoryBytes),
  });
}

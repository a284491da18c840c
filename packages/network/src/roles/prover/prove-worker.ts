/** The thread that proves, so that the node answers meanwhile. Its kernels have threads of their own. */
import { readFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createKernels } from '@dsperse/core/kernels';
import { decodeSlicePackage, type SlicePackage } from '@dsperse/core/prove';
import { digestOf, openConstantsCache } from '../../store/index.js';
import { kernelBytes } from '../peer/prover-memory.js';
import { ChunkError, chunkErrorOf, PreparedChunks, type ProveJob, proveChunk } from './prove-chunk.js';
import type { ProvingAnswer, ProvingOptions } from './proving-thread.js';

const { threads, maxMemoryBytes, weights } = workerData as ProvingOptions;
const port = parentPort;
if (!port) throw new Error('this file is a worker');

// Packages are kept decoded besides what the kernels hold of them.
const packageBytes = maxMemoryBytes - kernelBytes(maxMemoryBytes);
const kernels = await createKernels({ threads, maxMemoryBytes: kernelBytes(maxMemoryBytes) });
// What was committed to before stays on the disk, for when memory has room for it again or the prover starts anew.
const prepared = new PreparedChunks(kernels, weights && openConstantsCache(weights));

/** Least recently used first. */
const packages = new Map<string, { readonly slice: SlicePackage; readonly bytes: number }>();

async function load({ digest, path }: ProveJob['slices'][number]): Promise<SlicePackage> {
  const known = packages.get(digest);
  if (known) {
    packages.delete(digest);
    packages.set(digest, known);
    return known.slice;
  }
  const bytes = await readFile(path);
  if (digestOf(bytes) !== digest) throw new ChunkError('missing-package', `the file of ${digest} is damaged`);
  const slice = decodeSlicePackage(bytes);
  packages.set(digest, { slice, bytes: bytes.length });
  let held = [...packages.values()].reduce((n, p) => n + p.bytes, 0);
  for (const [oldest, entry] of packages) {
    if (held <= packageBytes || packages.size === 1) break;
    packages.delete(oldest);
    held -= entry.bytes;
  }
  return slice;
}

// One at a time: the other side sends the next when it has the answer.
port.on('message', async (job: ProveJob) => {
  let answer: ProvingAnswer;
  try {
    answer = { proven: await proveChunk(job, prepared, load) };
  } catch (error) {
    const { code, message } = chunkErrorOf(error);
    answer = { failed: { code, message } };
  }
  port.postMessage(answer);
});

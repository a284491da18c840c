/** The thread that runs inference, so that the gateway answers meanwhile. Packages are kept for the next order. */
import { parentPort, workerData } from 'node:worker_threads';
import { createKernels } from '@dsperse/core/kernels';
import { Arrays, decodeSlicePackage, type SlicePackage } from '@dsperse/core/prove';
import { type BlobLocation, openBlobs } from '../../store/index.js';
import type { CheckRequest, WorkerAnswer, WorkerRequest } from './activation-pool.js';
import { packagesFault } from './check-packages.js';
import { runActivations } from './run-activations.js';

const {
  blobs: location,
  cacheBytes,
  threads,
} = workerData as {
  blobs: BlobLocation;
  cacheBytes: number;
  threads: number;
};
const port = parentPort;
if (!port) throw new Error('this file is a worker');
const blobs = await openBlobs(location);
const kernels = await createKernels({ threads });
const arrays = new Arrays(2 ** 26);

/** Least recently used first. */
const cache = new Map<string, { slice: SlicePackage; bytes: number }>();

async function slicePackage(digest: string): Promise<SlicePackage> {
  const known = cache.get(digest);
  if (known) {
    cache.delete(digest);
    cache.set(digest, known);
    return known.slice;
  }
  const bytes = await blobs.get(digest);
  if (!bytes) throw Object.assign(new Error(`the slice package ${digest} is not here`), { code: 'missing-package' });
  const slice = decodeSlicePackage(bytes);
  cache.set(digest, { slice, bytes: bytes.length });
  let held = [...cache.values()].reduce((n, c) => n + c.bytes, 0);
  for (const [key, entry] of cache) {
    if (held <= cacheBytes || cache.size === 1) break;
    cache.delete(key);
    held -= entry.bytes;
  }
  return slice;
}

const tell = (answer: WorkerAnswer, transfer: Uint8Array[] = []) =>
  port.postMessage(
    answer,
    transfer.map((b) => b.buffer as ArrayBuffer),
  );

async function run({ id, job, packages }: WorkerRequest): Promise<void> {
  try {
    const slice = (index: number) => slicePackage(packages[index]);
    const result = await runActivations(
      job,
      { kernels, arrays, slice },
      {
        async chunk(index, bundle) {
          tell({ id, kind: 'chunk', index, bundle }, [bundle]);
        },
      },
    );
    tell({ id, kind: 'done', ...result });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    tell({ id, kind: 'failed', code: code ?? 'internal', message });
  }
}

async function bytesOf(digest: string): Promise<Uint8Array> {
  const bytes = await blobs.get(digest);
  if (!bytes) throw new Error(`${digest} is not here`);
  return bytes;
}

async function check({ id, key, packages }: CheckRequest): Promise<void> {
  try {
    const read = (index: number) => bytesOf(packages[index]);
    const fault = await packagesFault(await bytesOf(key), packages.length, read, kernels);
    tell({ id, kind: 'checked', fault });
  } catch (error) {
    tell({ id, kind: 'failed', code: 'internal', message: (error as Error).message });
  }
}

function tellMemory(id: number): void {
  const { heapTotal, external } = process.memoryUsage();
  // The kernels' memory is shared between threads, and so not counted as this one's.
  tell({ id, kind: 'memory', memory: { heap: heapTotal, external, kernels: kernels.peakBytes } });
}

// One after another: each uses all threads.
let last = Promise.resolve();
port.on('message', (request: WorkerRequest | CheckRequest) => {
  last = last.then(() => ('key' in request ? check(request) : run(request))).then(() => tellMemory(request.id));
});

/**
 * The worker's program as source, so that it needs no file of its own, and the protocol of the control words.
 *
 * GENERATION counts jobs; it is what idle workers sleep on. STATE is OPEN while a job takes workers, plus the number of
 * workers inside: the caller writes the job's words only while STATE is 0, so a worker that wakes late finds the job
 * closed and goes back to sleep. Everyone inside takes ranges of CHUNK from NEXT until TOTAL is reached.
 */
export const STATE = 0;
export const GENERATION = 1;
export const KERNEL = 2;
export const TOTAL = 3;
export const CHUNK = 4;
export const NEXT = 5;
export const FAILED = 6;
export const ARGUMENTS = 7;
/** Number of words from ARGUMENTS on: a count and the arguments. */
export const MAX_ARGUMENTS = 24;

export const OPEN = 0x40000000;

/** Polls before a worker sleeps: a few tens of microseconds, the pause between two rounds of a sumcheck. */
const POLLS = 4000;

export interface WorkerData {
  readonly module: object;
  readonly memory: object;
  /** Exported names in the order that KERNEL counts. */
  readonly names: readonly string[];
  /** Byte offset of the control words, and their number. */
  readonly control: number;
  readonly controlWords: number;
  /** This thread's number, 1 and up. */
  readonly slot: number;
}

export const WORKER_SOURCE = `'use strict';
const run = ({ module, memory, names, control, controlWords, slot }) => {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const kernels = names.map((name) => exports[name]);
  const words = new Int32Array(memory.buffer, control, controlWords);
  const enter = () => {
    for (let state = Atomics.load(words, ${STATE}); state & ${OPEN}; ) {
      const seen = Atomics.compareExchange(words, ${STATE}, state, state + 1);
      if (seen === state) return true;
      state = seen;
    }
    return false;
  };
  for (let generation = 0; ; ) {
    for (let i = 0; i < ${POLLS} && Atomics.load(words, ${GENERATION}) === generation; i++);
    Atomics.wait(words, ${GENERATION}, generation);
    generation = Atomics.load(words, ${GENERATION});
    if (!enter()) continue;
    try {
      const kernel = kernels[words[${KERNEL}]];
      const args = Array.from(words.subarray(${ARGUMENTS} + 1, ${ARGUMENTS} + 1 + words[${ARGUMENTS}]));
      const total = words[${TOTAL}];
      const chunk = words[${CHUNK}];
      for (let from; (from = Atomics.add(words, ${NEXT}, chunk)) < total; ) {
        kernel(from, Math.min(from + chunk, total), slot, ...args);
      }
    } catch {
      Atomics.store(words, ${FAILED}, 1);
    }
    if (Atomics.sub(words, ${STATE}, 1) === 1) Atomics.notify(words, ${STATE});
  }
};
if (typeof require === 'function') run(require('node:worker_threads').workerData);
else onmessage = (event) => run(event.data);
`;

/**
 * A prover that does not do its work, for the demo: `node dishonest-node.js cheat|vanish --config <file>`. Everything but
 * its proofs is that of an honest node.
 */
import { availableParallelism } from 'node:os';
import { type ProveChunk, ProvingThread } from '@dsperse/network/roles';
import { runNode } from '../local-network/run-node.js';
import { Terminal } from '../terminal/terminal.js';

const GIB = 2 ** 30;

/** Proves, and then changes one bit in the middle of the proof. */
function cheating(): ProveChunk {
  const honest = new ProvingThread({ threads: availableParallelism(), maxMemoryBytes: GIB });
  return async (job, signal) => {
    const proven = await honest.prove(job, signal);
    const proof = proven.proof.slice();
    proof[proof.length >> 1] ^= 1;
    return { ...proven, proof };
  };
}

/** Takes locks and is not heard of again. */
const vanishing = (): ProveChunk => (_job, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('gone')), { once: true });
  });

const [kind, ...rest] = process.argv.slice(2);
const config = rest[rest.indexOf('--config') + 1];
const prove = kind === 'cheat' ? cheating() : vanishing();
const { exitCode = 0 } = await runNode({ file: config }, new Terminal({ quiet: true }), { prove });
process.exit(exitCode);

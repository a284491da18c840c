/** A process that measures, so that its peak memory is its own. Talks to `dsperse bench` (protocol.ts). */
import { InvariantError } from '@dsperse/core/prove';
import { describeError } from '../terminal/describe-error.js';
import { compileForBench } from './compile-session.js';
import { type FloatSession, openFloatSession } from './float-session.js';
import { peakRssBytes } from './peak-memory.js';
import type { BenchReplies, BenchReply, BenchRequest } from './protocol.js';
import { ProverSession } from './prover-session.js';

let prover: ProverSession | undefined;
let floats: FloatSession | undefined;

async function answer(request: BenchRequest): Promise<BenchReplies[BenchRequest['ask']]> {
  switch (request.ask) {
    case 'compile':
      return compileForBench(request);
    case 'open':
      prover = await ProverSession.open(request);
      return prover.report;
    case 'load':
      floats = await openFloatSession(request.directory);
      return { inferenceBy: floats.by };
    case 'end': {
      await prover?.close();
      await floats?.close();
      return { peakRssBytes: peakRssBytes() };
    }
    case 'infer':
      if (!floats) throw new InvariantError('no model is loaded');
      return { inferenceMs: await floats.infer() };
    default:
      if (!prover) throw new InvariantError('no program is open');
      return request.ask === 'prove' ? prover.prove() : prover.verify();
  }
}

process.on('message', async (request: BenchRequest) => {
  let reply: BenchReply;
  try {
    reply = { ok: await answer(request) };
  } catch (thrown) {
    const { kind, code, message, hint } = describeError(thrown).error;
    reply = { error: { name: kind, code, message, hint } };
  }
  process.send?.(reply, () => {
    if (request.ask === 'end') process.exit(0);
  });
});
process.on('disconnect', () => process.exit(0));

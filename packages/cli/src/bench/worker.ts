/** The process that measures one model, so that its peak memory is its own. Talks to `dsperse bench` (protocol.ts). */
import { InvariantError } from '@dsperse/core/prove';
import { describeError } from '../terminal/describe-error.js';
import { type MeasuredModel, measureModel } from './measured-model.js';
import type { BenchReply, BenchRequest } from './protocol.js';

let model: MeasuredModel | undefined;

async function answer(request: BenchRequest): Promise<unknown> {
  if (request.ask === 'setup') {
    model = await measureModel(request.model, request.slices, request.workers);
    return model.setup;
  }
  if (!model) throw new InvariantError('a measurement before the setup');
  if (request.ask === 'round') return model.round();
  if (request.ask === 'prove') return model.prove(request.slices);
  return model.end();
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

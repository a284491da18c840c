/** Hands every settled epoch's weights on, beside the node: it never blocks it, never fails it, and is never asked. */
import { renameSync, writeFileSync } from 'node:fs';
import type { Account, Address, Hex } from 'viem';
import type { Settlement } from '../scoring/index.js';
import { submitWeights } from './neuron-precompile.js';
import { readUids } from './uid-file.js';
import { type WeightVector, weightVector } from './weight-vector.js';
import { workShares } from './work-shares.js';

export type WeightTarget =
  | { readonly kind: 'file'; readonly path: string }
  | {
      readonly kind: 'precompile';
      readonly rpcUrl: string;
      readonly account: Account;
      readonly versionKey: bigint;
      readonly precompile?: Address;
    };

export interface ExportOptions {
  readonly netuid: number;
  /** Read anew for every epoch. */
  readonly uidFile: string;
  readonly target: WeightTarget;
  /** Of one epoch. */
  readonly timeoutMs: number;
}

/** The part of a logger that is used. */
export interface ExportLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export type ExportResult =
  | { readonly state: 'written'; readonly vector: WeightVector }
  | { readonly state: 'submitted'; readonly vector: WeightVector; readonly hash: Hex }
  /** No operator with a neuron has worked. */
  | { readonly state: 'empty' }
  | { readonly state: 'failed'; readonly reason: string };

/** Within about `timeoutMs`, and never throws. */
export async function exportWeights(
  settlement: Pick<Settlement, 'epoch' | 'root' | 'orders'>,
  options: ExportOptions,
): Promise<ExportResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${options.timeoutMs} ms`)), options.timeoutMs);
  });
  try {
    return await Promise.race([late, hand(settlement, options)]);
  } catch (error) {
    return { state: 'failed', reason: (error as Error).message.split('\n')[0] };
  } finally {
    clearTimeout(timer);
  }
}

async function hand(
  settlement: Pick<Settlement, 'epoch' | 'root' | 'orders'>,
  { netuid, uidFile, target, timeoutMs }: ExportOptions,
): Promise<ExportResult> {
  const vector = weightVector(workShares(settlement), readUids(uidFile));
  if (vector.uids.length === 0) return { state: 'empty' };
  if (target.kind === 'precompile') {
    return { state: 'submitted', vector, hash: await submitWeights(vector, { ...target, netuid, timeoutMs }) };
  }
  const { epoch, root } = settlement;
  const text = `${JSON.stringify({ netuid, epoch, root, ...vector })}\n`;
  // Whoever reads the file never sees half of it.
  writeFileSync(`${target.path}.part`, text);
  renameSync(`${target.path}.part`, target.path);
  return { state: 'written', vector };
}

/** One export at a time; of epochs that settle meanwhile only the last is exported. */
export class WeightExporter {
  private waiting: Settlement | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly options: ExportOptions,
    private readonly log: ExportLog,
  ) {}

  /** Returns at once and never throws. */
  offer(settlement: Settlement): void {
    this.waiting = settlement;
    this.running ??= this.run();
  }

  /** Until nothing is under way. */
  async idle(): Promise<void> {
    while (this.running) await this.running;
  }

  private async run(): Promise<void> {
    // After the caller has gone on.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting) {
      const settlement = this.waiting;
      this.waiting = undefined;
      const { epoch } = settlement;
      const result = await exportWeights(settlement, this.options);
      if (result.state === 'failed') this.log.warn({ epoch, reason: result.reason }, 'weights were not exported');
      else if (result.state === 'empty') this.log.warn({ epoch }, 'no operator with a neuron has worked: no weights');
      else {
        const { uids, unmapped } = result.vector;
        this.log.info({ epoch, neurons: uids.length, unmapped: unmapped.length }, `weights ${result.state}`);
      }
    }
    this.running = undefined;
  }
}

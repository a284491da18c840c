/** Drives the encoder: which levels are done where, and the twiddle tables. */
import { circlePoint } from '../../field/domain.js';
import type { Arena } from '../arena.js';
import type { Ptr } from '../kernels.js';
import { grainOf } from './grains.js';
import { CONSTANTS, MAX_TABLE_LOG, tableAt } from './layout.js';
import type { WasmFunction } from './platform.js';
import type { Pool } from './pool.js';

/** A block of the code word that stays in a core's second-level cache while all its levels are done. */
const LOG_BLOCK_BYTES = 17;
/** Butterflies in a grain. */
const GRAIN_BUTTERFLIES = 65536;

export class Encoder {
  /** Tables of S_1 … S_built are in place. */
  private built = 0;

  constructor(
    private readonly pool: Pool,
    private readonly arena: Arena,
    private readonly twiddles: WasmFunction,
  ) {}

  /** See Kernels.encode. */
  encode(dst: Ptr, message: Ptr, logLength: number, stride: number): void {
    const { pool, arena } = this;
    if (stride === 0) return;
    const top = logLength + 2;
    const mark = arena.mark();
    const tables = this.tables(top);
    const row = 4 * stride;
    // A block has at least one group of first levels, and no more than leaves every thread two.
    const shared = pool.threads === 1 ? top : top - Math.ceil(Math.log2(2 * pool.threads));
    const fits = LOG_BLOCK_BYTES - Math.floor(Math.log2(row));
    let mu = Math.min(top, Math.max(4, Math.min(fits, shared)));
    // The joins after the blocks take two levels each where they can.
    if ((top - mu) % 2 === 1 && mu > 4) mu--;
    const grain = (butterflies: number): number => grainOf(GRAIN_BUTTERFLIES, butterflies * stride);
    pool.run('encodeBlocks', 2 ** (top - mu), grain(2 ** (mu - 1) * (mu - 2)), dst, message, mu, row);
    for (; mu + 2 <= top; mu += 2) {
      pool.run('encodeJoin4', 2 ** (top - 2), grain(4), dst, mu + 2, row, tables(mu + 1), tables(mu + 2));
    }
    if (mu < top) pool.run('encodeJoin2', 2 ** (top - 1), grain(1), dst, top, row, tables(top));
    arena.release(mark);
  }

  /** Where the tables up to S_top are; those beyond the lasting ones are made in the arena, to be released. */
  private tables(top: number): (mu: number) => Ptr {
    for (; this.built < Math.min(Math.max(top, 4), MAX_TABLE_LOG); this.built++) {
      // The place of the next table holds the ordinates meanwhile.
      this.build(this.built + 1, tableAt(this.built + 1), tableAt(this.built + 2));
    }
    const large: Ptr[] = [];
    for (let mu = MAX_TABLE_LOG + 1; mu <= top; mu++) {
      large[mu] = this.arena.alloc(4 * 2 ** (mu - 1));
      const mark = this.arena.mark();
      this.build(mu, large[mu], this.arena.alloc(4 * 2 ** (mu - 1)));
      this.arena.release(mark);
    }
    return (mu) => large[mu] ?? tableAt(mu);
  }

  /** Points of S_mu by doubling; see twiddles in field/domain.ts. */
  private build(mu: number, x: Ptr, y: Ptr): void {
    const steps = [circlePoint(29 - mu)];
    for (let level = 1; level < mu; level++) steps.push(circlePoint(30 - mu + level));
    this.arena.u32(CONSTANTS, 2 * steps.length).set(steps.flat());
    this.twiddles(x, y, mu, CONSTANTS);
  }
}

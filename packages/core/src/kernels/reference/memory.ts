import { ProvingError } from '../../base/errors.js';
import type { Ext } from '../../field/qm31.js';
import type { Ptr } from '../kernels.js';

/** A growable memory with a stack of allocations, as both kernel implementations use it. Offset 0 is never given out. */
export class ArenaMemory {
  private top = 16;
  peakBytes = 0;

  constructor(
    /** The current bytes; asked again after each growth. */
    private readonly buffer: () => ArrayBufferLike,
    /** Makes the memory hold at least so many bytes; false if it cannot. */
    private readonly grow: (bytes: number) => boolean,
    private readonly base = 16,
  ) {
    this.top = base;
  }

  alloc(bytes: number): Ptr {
    const ptr = this.top;
    const end = ptr + Math.ceil(bytes / 16) * 16;
    if (end > this.buffer().byteLength && !this.grow(end)) {
      throw new ProvingError(
        'out-of-memory',
        `the kernels' memory cannot hold ${end} bytes`,
        'cut the program in more slices (--slices)',
      );
    }
    this.top = end;
    this.peakBytes = Math.max(this.peakBytes, end - this.base);
    new Uint8Array(this.buffer(), ptr, end - ptr).fill(0);
    return ptr;
  }

  mark(): number {
    return this.top;
  }

  release(mark: number): void {
    this.top = mark;
  }

  u32(ptr: Ptr, length: number): Uint32Array {
    return new Uint32Array(this.buffer(), ptr, length);
  }

  i32(ptr: Ptr, length: number): Int32Array {
    return new Int32Array(this.buffer(), ptr, length);
  }

  u8(ptr: Ptr, length: number): Uint8Array {
    return new Uint8Array(this.buffer(), ptr, length);
  }

  readExt(ptr: Ptr): Ext {
    const v = this.u32(ptr, 4);
    return [v[0], v[1], v[2], v[3]];
  }

  writeExt(ptr: Ptr, value: Ext): void {
    this.u32(ptr, 4).set(value);
  }
}

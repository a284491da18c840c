import { ProvingError } from '../base/errors.js';
import { type Integers, integersAt, type Width } from '../base/integers.js';
import type { Ext } from '../field/qm31.js';
import type { Ptr } from './kernels.js';

/** The memory under an {@link Arena}. */
export interface ArenaMemory {
  /** The current bytes; another buffer after each growth. */
  readonly buffer: ArrayBufferLike;
  /** Makes the memory hold at least so many bytes; false if it cannot. New bytes are zero. */
  grow(bytes: number): boolean;
  /** Sets bytes to zero. */
  clear(ptr: Ptr, bytes: number): void;
}

/** A growable memory with a stack of allocations, as both kernel implementations use it. Offset 0 is never given out. */
export class Arena {
  private top: number;
  /** Bytes at and beyond this offset were never given out, and so are still zero. */
  private fresh: number;
  private bytes: Uint8Array;
  private words: Uint32Array;

  constructor(
    private readonly memory: ArenaMemory,
    /** The first offset to give out: a positive multiple of 16. */
    private readonly base: number,
  ) {
    this.top = base;
    this.fresh = base;
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
  }

  get peakBytes(): number {
    return this.fresh - this.base;
  }

  alloc(bytes: number): Ptr {
    const { fresh } = this;
    const ptr = this.take(bytes);
    if (ptr < fresh) this.memory.clear(ptr, Math.min(this.top, fresh) - ptr);
    return ptr;
  }

  take(bytes: number): Ptr {
    const ptr = this.top;
    const end = ptr + Math.ceil(bytes / 16) * 16;
    if (end > this.bytes.length) {
      if (!this.memory.grow(end)) {
        throw new ProvingError(
          'out-of-memory',
          `the kernels' memory cannot hold ${end - this.base} bytes`,
          'cut the program in more slices (--slices)',
        );
      }
      this.bytes = new Uint8Array(this.memory.buffer);
      this.words = new Uint32Array(this.memory.buffer);
    }
    this.fresh = Math.max(this.fresh, end);
    this.top = end;
    return ptr;
  }

  mark(): number {
    return this.top;
  }

  release(mark: number): void {
    this.top = mark;
  }

  u32(ptr: Ptr, length: number): Uint32Array {
    return new Uint32Array(this.bytes.buffer, ptr, length);
  }

  i32(ptr: Ptr, length: number): Int32Array {
    return new Int32Array(this.bytes.buffer, ptr, length);
  }

  u8(ptr: Ptr, length: number): Uint8Array {
    return new Uint8Array(this.bytes.buffer, ptr, length);
  }

  integers(ptr: Ptr, length: number, width: Width): Integers {
    return integersAt(this.bytes.buffer, ptr, length, width);
  }

  readExt(ptr: Ptr): Ext {
    const { words } = this;
    const o = ptr / 4;
    return [words[o], words[o + 1], words[o + 2], words[o + 3]];
  }

  writeExt(ptr: Ptr, value: Ext): void {
    const { words } = this;
    const o = ptr / 4;
    words[o] = value[0];
    words[o + 1] = value[1];
    words[o + 2] = value[2];
    words[o + 3] = value[3];
  }
}

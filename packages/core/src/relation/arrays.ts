/** Memory of an inference that the next one uses again. */

/**
 * Arrays that are used again. Numbers of typed arrays are not on the engine's heap, and new ones make it collect garbage
 * as often as once for 64 MB: several times in an inference. Each such collection also forgets the compiled code of
 * functions of which none is alive at that moment.
 */
export class Arrays {
  /** By length; least recently used first. */
  private readonly free = new Map<number, Int32Array[]>();
  private held = 0;

  /** @param maxBytes of what is not in use: as much is kept for later */
  constructor(private readonly maxBytes: number) {}

  /** Bytes of what is not in use. */
  get freeBytes(): number {
    return this.held;
  }

  /** An array of zeros. */
  zeros(length: number): Int32Array {
    return this.again(length)?.fill(0) ?? new Int32Array(length);
  }

  /** An array of whatever numbers, all of which the caller writes. */
  take(length: number): Int32Array {
    return this.again(length) ?? new Int32Array(length);
  }

  /** Nobody reads it any more. It must be a whole buffer of its own, and is given once. */
  give(array: Int32Array): void {
    const { length, byteLength } = array;
    const same = this.free.get(length) ?? [];
    same.push(array);
    this.free.delete(length);
    this.free.set(length, same);
    this.held += byteLength;
    for (const [oldest, arrays] of this.free) {
      if (this.held <= this.maxBytes) break;
      this.held -= 4 * oldest * arrays.length;
      this.free.delete(oldest);
    }
  }

  private again(length: number): Int32Array | undefined {
    const same = this.free.get(length);
    const found = same?.pop();
    if (!same || !found) return undefined;
    this.held -= found.byteLength;
    this.free.delete(length);
    if (same.length > 0) this.free.set(length, same);
    return found;
  }
}

/** A growing list of doubles: repeated fields of a file can hold millions. */
export class NumberList {
  private data = new Float64Array(8);
  length = 0;

  push(x: number): void {
    this.reserve(1);
    this.data[this.length++] = x;
  }

  append(numbers: ArrayLike<number>): void {
    this.reserve(numbers.length);
    this.data.set(numbers, this.length);
    this.length += numbers.length;
  }

  /** The numbers as an array of their own. */
  numbers(): Float64Array {
    return this.data.slice(0, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.data.length) return;
    const grown = new Float64Array(Math.max(2 * this.data.length, this.length + more));
    grown.set(this.data.subarray(0, this.length));
    this.data = grown;
  }
}

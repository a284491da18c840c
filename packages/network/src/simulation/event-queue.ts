/** What happens when: a binary heap by time, and by order of entry where times are equal. */

interface Entry<E> {
  readonly at: number;
  readonly sequence: number;
  readonly event: E;
}

export class EventQueue<E> {
  private readonly heap: Entry<E>[] = [];
  private sequence = 0;

  get nextAt(): number | undefined {
    return this.heap[0]?.at;
  }

  push(at: number, event: E): void {
    const { heap } = this;
    let k = heap.length;
    const entry = { at, sequence: this.sequence++, event };
    heap.push(entry);
    while (k > 0) {
      const parent = (k - 1) >> 1;
      if (!isBefore(entry, heap[parent])) break;
      heap[k] = heap[parent];
      k = parent;
    }
    heap[k] = entry;
  }

  pop(): { readonly at: number; readonly event: E } | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let k = 0;
    for (;;) {
      let child = 2 * k + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[k] = heap[child];
      k = child;
    }
    heap[k] = last;
    return first;
  }
}

function isBefore<E>(a: Entry<E>, b: Entry<E>): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}

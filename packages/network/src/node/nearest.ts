/** The name that someone who mistyped one most likely meant. */

/** Insertions, deletions and changes of one letter that lead from a to b. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

/** Undefined where nothing is near: more than a third of the letters differ. */
export function nearestOf(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  const plain = name.slice(0, 100).toLowerCase();
  for (const k of known) {
    const full = editDistance(plain, k.toLowerCase());
    // `ask` for `prover.ask`.
    const last = editDistance(plain, k.toLowerCase().split('.').at(-1) ?? k);
    const distance = Math.min(full, last + 0.5);
    if (distance < least) [best, least] = [k, distance];
  }
  return least <= Math.max(1, name.length / 3) ? best : undefined;
}

/**
 * Merkle trees over BLAKE3 with a depth fixed by the program. One multiproof opens all queried leaves: siblings that
 * are not themselves known are listed level by level, left to right.
 */
import { hashPair } from '../base/blake3.js';

/** Number of sibling digests in the multiproof of `leaves` (sorted, distinct) in a tree of `count` leaves. */
export const siblingCount = (leaves: readonly number[], count: number): number => siblingsOf(leaves, count).length;

/** Every sibling that a verifier lacks, level by level; nodes are in heap order (root 1). */
export function siblingsOf(leaves: readonly number[], count: number): number[] {
  const missing: number[] = [];
  let nodes = leaves.map((i) => i + count);
  while (nodes[0] > 1) {
    const parents: number[] = [];
    for (let i = 0; i < nodes.length; i++) {
      const sibling = nodes[i] ^ 1;
      if (nodes[i + 1] === sibling) i++;
      else missing.push(sibling);
      parents.push(sibling >>> 1);
    }
    nodes = parents;
  }
  return missing;
}

/** The root that the leaves' digests and the siblings lead to. */
export function rootOf(
  leaves: readonly number[],
  digests: readonly Uint8Array[],
  count: number,
  siblings: Uint8Array,
): Uint8Array {
  // A level is written over the one below: a parent stands no later than its first child.
  const nodes = leaves.map((i) => i + count);
  const hashes = [...digests];
  let next = 0;
  for (let n = nodes.length; nodes[0] > 1; ) {
    let parents = 0;
    for (let i = 0; i < n; i++, parents++) {
      const node = nodes[i];
      const mine = hashes[i];
      let other: Uint8Array;
      if (i + 1 < n && nodes[i + 1] === (node ^ 1)) other = hashes[++i];
      else {
        other = siblings.subarray(32 * next, 32 * next + 32);
        next++;
      }
      hashes[parents] = node % 2 === 0 ? hashPair(mine, other) : hashPair(other, mine);
      nodes[parents] = node >>> 1;
    }
    n = parents;
  }
  return hashes[0];
}

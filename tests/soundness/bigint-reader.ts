/** How the independent verifier reads a proof: bytes in order, absorbed or checked against a Merkle root. */
import { HashChain, hash, P, type Q, wordAt } from './bigint-field.js';

export class Refused extends Error {}

export class ProofReader {
  readonly chain = new HashChain();
  private offset = 0;

  constructor(private readonly proof: Uint8Array) {}

  check(holds: boolean, code: string): void {
    if (!holds) throw new Refused(code);
  }

  raw(count: number): Uint8Array {
    this.check(this.offset + count <= this.proof.length, 'truncated');
    this.offset += count;
    return this.proof.slice(this.offset - count, this.offset);
  }

  bytes(label: string, count: number): Uint8Array {
    const data = this.raw(count);
    this.chain.absorb(label, data);
    return data;
  }

  words(data: Uint8Array): bigint[] {
    const out: bigint[] = [];
    for (let i = 0; i < data.length; i += 4) out.push(BigInt(wordAt(data, i)));
    this.check(
      out.every((x) => x < P),
      'non-canonical',
    );
    return out;
  }

  elements(data: Uint8Array): Q[] {
    const w = this.words(data);
    return Array.from({ length: w.length / 4 }, (_, i) => [w[4 * i], w[4 * i + 1], w[4 * i + 2], w[4 * i + 3]]);
  }

  exts = (label: string, count: number): Q[] => this.elements(this.bytes(label, 16 * count));

  end(): void {
    this.check(this.offset === this.proof.length, 'trailing-bytes');
  }

  /** Reads the distinct leaves in order. */
  leaves(asked: readonly number[], bytes: number): Map<number, Uint8Array> {
    const sorted = [...new Set(asked)].sort((a, b) => a - b);
    return new Map(sorted.map((leaf) => [leaf, this.raw(bytes)]));
  }

  /** Reads the digests that are missing on the way from leaves' digests to the root, level by level. */
  path(digests: ReadonlyMap<number, Uint8Array>, count: number, root: Uint8Array): void {
    let nodes = new Map([...digests].sort(([a], [b]) => a - b));
    // A node's pair is either known or next in the proof.
    for (let width = count; width > 1; width /= 2) {
      const up = new Map<number, Uint8Array>();
      for (const [node, digest] of nodes) {
        const parent = Math.floor(node / 2);
        if (up.has(parent)) continue;
        const other = nodes.get(node ^ 1) ?? this.raw(32);
        up.set(parent, node % 2 === 0 ? hash(digest, other) : hash(other, digest));
      }
      nodes = up;
    }
    this.check(
      (nodes.get(0) as Uint8Array).every((b, i) => b === root[i]),
      'merkle-path',
    );
  }
}

/** The leaves of a settlement and their Merkle tree, as the contract Settlement checks them. */
import { InputError } from '@dsperse/core/verify';
import { SimpleMerkleTree } from '@openzeppelin/merkle-tree';
import { type Address, encodeAbiParameters, type Hex, keccak256, numberToHex, zeroHash } from 'viem';
import { type Leaf, type SlashableRole, VALIDATOR_ROLE } from './types.js';

const WORDS = [{ type: 'uint256' }, { type: 'bytes32' }, { type: 'uint256' }, { type: 'bytes32' }] as const;

/** The four words of a leaf: kind, a, b, c (docs/network.md). */
export interface LeafWords {
  readonly kind: bigint;
  readonly a: Hex;
  readonly b: bigint;
  readonly c: Hex;
}

/** Role and operator in one word; an account of its own has role 0. */
function keyOf(role: SlashableRole | 0, address: Address): Hex {
  return numberToHex((BigInt(role) << 160n) | BigInt(address), { size: 32 });
}

export function leafWords(leaf: Leaf): LeafWords {
  const kind = BigInt(leaf.kind);
  switch (leaf.kind) {
    case 1: {
      const c = numberToHex(leaf.delivered ? 1 : 0, { size: 32 });
      return { kind, a: leaf.order.toLowerCase() as Hex, b: leaf.spent, c };
    }
    case 2:
      return { kind, a: keyOf(leaf.role ?? 0, leaf.account), b: leaf.cumulative, c: zeroHash };
    case 3:
      return { kind, a: keyOf(leaf.role, leaf.operator), b: leaf.cumulative, c: leaf.evidence };
    case 4: {
      // `b` never falls, as of all leaves; the answers as bits behind a first one, which keeps their number.
      const c = numberToHex(BigInt(`0b1${leaf.answers}`), { size: 32 });
      return { kind, a: keyOf(VALIDATOR_ROLE, leaf.validator), b: BigInt(leaf.answered), c };
    }
    case 5:
      return { kind, a: zeroHash, b: BigInt(leaf.epoch), c: leaf.digest };
  }
}

/** keccak256(keccak256(abi.encode(kind, a, b, c))): hashed twice, so that no inner node passes for a leaf. */
export function hashLeaf(leaf: Leaf): Hex {
  const { kind, a, b, c } = leafWords(leaf);
  return keccak256(keccak256(encodeAbiParameters(WORDS, [kind, a, b, c])));
}

/** By kind, then by the word `a`: the order in which leaves are listed. The root does not depend on it. */
export function sortLeaves(leaves: readonly Leaf[]): Leaf[] {
  return leaves
    .map((leaf) => ({ leaf, a: leafWords(leaf).a }))
    .sort((x, y) => x.leaf.kind - y.leaf.kind || (x.a < y.a ? -1 : x.a > y.a ? 1 : 0))
    .map(({ leaf }) => leaf);
}

interface LeafTree {
  readonly hashes: readonly Hex[];
  readonly tree: SimpleMerkleTree;
}

/** Of lists that are still held: whoever compares a root mostly asks for proofs next. */
const trees = new WeakMap<readonly Leaf[], LeafTree>();

function treeOf(leaves: readonly Leaf[]): LeafTree {
  const known = trees.get(leaves);
  if (known) return known;
  const hashes = leaves.map(hashLeaf);
  const found = { hashes, tree: SimpleMerkleTree.of(hashes) };
  trees.set(leaves, found);
  return found;
}

/** The root over the leaves; the zero hash where there are none. */
export function merkleRoot(leaves: readonly Leaf[]): Hex {
  return leaves.length === 0 ? zeroHash : (treeOf(leaves).tree.root as Hex);
}

/** The proofs of all leaves, in their order. */
export function leafProofs(leaves: readonly Leaf[]): Hex[][] {
  if (leaves.length === 0) return [];
  const { tree } = treeOf(leaves);
  return leaves.map((_, k) => tree.getProof(k) as Hex[]);
}

/** The proof of one leaf. Throws InputError where it is not among them. */
export function leafProof(leaves: readonly Leaf[], leaf: Leaf): Hex[] {
  const known = leaves.length > 0 ? treeOf(leaves) : undefined;
  const k = known?.hashes.indexOf(hashLeaf(leaf)) ?? -1;
  if (!known || k < 0) {
    throw new InputError('unknown-leaf', 'the leaf is not part of this epoch', 'take the leaf from the epoch');
  }
  return known.tree.getProof(k) as Hex[];
}

export function verifyLeaf(root: Hex, leaf: Leaf, proof: readonly Hex[]): boolean {
  return SimpleMerkleTree.verify(root, hashLeaf(leaf), [...proof]);
}

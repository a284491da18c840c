/** Signed messages and Merkle trees for tests. */
import { SimpleMerkleTree } from '@openzeppelin/merkle-tree';
import { type Address, encodeAbiParameters, type Hex, keccak256, toHex, zeroHash } from 'viem';
import { accountKey, CREDIT_LEAF, ORDER_LEAF, operatorKey, PENALTY_LEAF, REGISTRATION_TYPES } from '../encoding.js';
import type { Actor, TestNetwork } from './network.js';

const field = (type: string) => (name: string) => ({ name, type });
const [bytes32, address, uint128, uint64, uint32] = ['bytes32', 'address', 'uint128', 'uint64', 'uint32'].map(field);

/** As in packages/network/src/messages/typed-data.ts; messages.test.ts compares the digests. */
const TYPES = {
  Order: [
    address('requester'),
    address('gateway'),
    bytes32('fingerprint'),
    bytes32('inputCommitment'),
    uint128('priceMin'),
    uint128('priceMax'),
    uint32('rampSeconds'),
    uint128('budget'),
    uint64('deadline'),
    bytes32('salt'),
  ],
  Cancel: [bytes32('order'), uint64('issuedAt')],
  Verdict: [
    bytes32('order'),
    uint32('chunk'),
    uint32('attempt'),
    bytes32('proofDigest'),
    field('bool')('accepted'),
    address('validator'),
    bytes32('salt'),
  ],
  EpochRoot: [
    uint64('epoch'),
    bytes32('previous'),
    bytes32('root'),
    field('uint256')('spent'),
    uint128('minted'),
    uint32('leaves'),
    uint64('closedAt'),
  ],
  ...REGISTRATION_TYPES,
};
type Name = keyof typeof TYPES;
const CONTRACT = {
  Order: 'market',
  Cancel: 'market',
  Verdict: 'settlement',
  EpochRoot: 'settlement',
  Registration: 'stake',
} as const;

export interface DomainOverride {
  readonly chainId?: number;
  readonly verifyingContract?: Address;
}

/** The message as typed data under its domain. */
export function typesOf(net: TestNetwork, name: Name, message: object, other: DomainOverride = {}): never {
  const verifyingContract = net.at[CONTRACT[name]];
  const domain = { name: 'DSperse', version: '1', chainId: net.chainId, verifyingContract, ...other };
  return { domain, types: { [name]: TYPES[name] }, primaryType: name, message } as never;
}

export function sign(net: TestNetwork, actor: Actor, name: Name, message: object, other: DomainOverride = {}) {
  return actor.signTypedData(typesOf(net, name, message, other));
}

let salts = 0n;
export const freshHash = (): Hex => keccak256(toHex(++salts, { size: 32 }));

export interface OrderMessage {
  readonly requester: Address;
  readonly gateway: Address;
  readonly fingerprint: Hex;
  readonly inputCommitment: Hex;
  readonly priceMin: bigint;
  readonly priceMax: bigint;
  readonly rampSeconds: number;
  readonly budget: bigint;
  readonly deadline: bigint;
  readonly salt: Hex;
}

export function orderOf(requester: Address, budget: bigint, deadline: bigint): OrderMessage {
  return {
    requester,
    gateway: toHex(0x6a7e, { size: 20 }),
    fingerprint: keccak256('0x01'),
    inputCommitment: keccak256('0x02'),
    priceMin: 1n,
    priceMax: 5n,
    rampSeconds: 60,
    budget,
    deadline,
    salt: freshHash(),
  };
}

export interface Leaf {
  readonly kind: bigint;
  readonly a: Hex;
  readonly b: bigint;
  readonly c: Hex;
}

export const orderLeaf = (order: Hex, spent: bigint, delivered = true): Leaf => ({
  kind: BigInt(ORDER_LEAF),
  a: order,
  b: spent,
  c: toHex(delivered ? 1 : 0, { size: 32 }),
});
export const creditLeaf = (account: Address, cumulative: bigint): Leaf => ({
  kind: BigInt(CREDIT_LEAF),
  a: accountKey(account),
  b: cumulative,
  c: zeroHash,
});
export const poolCreditLeaf = (role: number, operator: Address, cumulative: bigint): Leaf => ({
  kind: BigInt(CREDIT_LEAF),
  a: operatorKey(role, operator),
  b: cumulative,
  c: zeroHash,
});
export const penaltyLeaf = (role: number, operator: Address, cumulative: bigint, evidence: Hex): Leaf => ({
  kind: BigInt(PENALTY_LEAF),
  a: operatorKey(role, operator),
  b: cumulative,
  c: evidence,
});

export function leafHash({ kind, a, b, c }: Leaf): Hex {
  const types = ['uint256', 'bytes32', 'uint256', 'bytes32'].map((type) => ({ type }));
  return keccak256(keccak256(encodeAbiParameters(types, [kind, a, b, c])));
}

export interface Tree {
  readonly root: Hex;
  readonly leaves: readonly Leaf[];
  proof(leaf: Leaf): Hex[];
}

export function treeOf(leaves: readonly Leaf[]): Tree {
  const tree = SimpleMerkleTree.of(leaves.map(leafHash));
  return { root: tree.root as Hex, leaves, proof: (leaf) => tree.getProof(leafHash(leaf)) as Hex[] };
}

export interface EpochRootMessage {
  readonly epoch: bigint;
  readonly previous: Hex;
  readonly root: Hex;
  readonly spent: bigint;
  readonly minted: bigint;
  readonly leaves: number;
  readonly closedAt: bigint;
}

/** The message for the next epoch over this tree. */
export async function epochRootOf(net: TestNetwork, tree: Tree, spent = 0n, minted = 0n): Promise<EpochRootMessage> {
  return {
    epoch: await net.read<bigint>('settlement', 'nextEpoch'),
    previous: await net.read<Hex>('settlement', 'lastRoot'),
    root: tree.root,
    spent,
    minted,
    leaves: tree.leaves.length,
    closedAt: await net.now(),
  };
}

export const ascending = (actors: readonly Actor[]): Actor[] =>
  [...actors].sort((a, b) => (BigInt(a.address) < BigInt(b.address) ? -1 : 1));

/** Signatures by the actors, in the order that `post` wants. */
export function signEpoch(net: TestNetwork, actors: readonly Actor[], message: EpochRootMessage): Promise<Hex[]> {
  return Promise.all(ascending(actors).map((actor) => sign(net, actor, 'EpochRoot', message)));
}

/** Posts an epoch over these leaves and returns it. */
export async function postEpoch(
  net: TestNetwork,
  validators: readonly Actor[],
  leaves: readonly Leaf[],
  spent = 0n,
  minted = 0n,
) {
  const tree = treeOf(leaves);
  const message = await epochRootOf(net, tree, spent, minted);
  const signatures = await signEpoch(net, validators, message);
  const { gasUsed } = await net.send(validators[0], 'settlement', 'post', [message, signatures]);
  return { tree, message, signatures, epoch: message.epoch, gasUsed };
}

/** A leaf where a challenge or claim looks for it. */
export const locate = (at: { epoch: bigint; tree: Tree }, leaf: Leaf) => ({
  epoch: at.epoch,
  leaf,
  proof: at.tree.proof(leaf),
});

/** Registers the actor as its own operator and stakes. */
export async function joinAs(net: TestNetwork, actor: Actor, role: number, amount: bigint, commissionBps = 0n) {
  await net.send(actor, 'stake', 'register', [role, actor.address, commissionBps, '0x']);
  await net.send(actor, 'token', 'approve', [net.at.stake, 2n ** 255n]);
  await net.send(actor, 'stake', 'stake', [role, actor.address, amount]);
}

export async function depositAs(net: TestNetwork, actor: Actor, amount: bigint) {
  await net.send(actor, 'token', 'approve', [net.at.market, 2n ** 255n]);
  await net.send(actor, 'market', 'deposit', [amount]);
}

/** Reserves a fresh order and returns its id. */
export async function reserveAs(net: TestNetwork, actor: Actor, budget: bigint, seconds = 1_000n): Promise<Hex> {
  const order = orderOf(actor.address, budget, (await net.now()) + seconds);
  const id = await net.read<Hex>('market', 'orderId', [order]);
  await net.send(actor, 'market', 'reserve', [order, await sign(net, actor, 'Order', order)]);
  return id;
}

export async function permitAs(net: TestNetwork, actor: Actor, spender: Address, value: bigint, deadline: bigint) {
  const nonce = await net.read<bigint>('token', 'nonces', [actor.address]);
  const fields = ['owner:address', 'spender:address', 'value:uint256', 'nonce:uint256', 'deadline:uint256'];
  const signature = await actor.signTypedData({
    domain: { name: 'DSperse', version: '1', chainId: net.chainId, verifyingContract: net.at.token },
    types: { Permit: fields.map((f) => ({ name: f.split(':')[0], type: f.split(':')[1] })) },
    primaryType: 'Permit',
    message: { owner: actor.address, spender, value, nonce, deadline },
  });
  return {
    v: Number(`0x${signature.slice(130)}`),
    r: signature.slice(0, 66) as Hex,
    s: `0x${signature.slice(66, 130)}` as Hex,
  };
}

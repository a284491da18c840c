/** One order of a small program with everything that a validator is given of its first chunk, all of it honest. */
import { encodeOnnx, type GraphNode, type Tensor } from '@dsperse/core/graph';
import { createKernels, type Kernels } from '@dsperse/core/kernels';
import { compileModel, quantizeInputs } from '@dsperse/core/program';
import { boundaryCommitments, commitProgram, decodeSlicePackage, deriveSalt, executeSlice } from '@dsperse/core/prove';
import { finalOutputs, type SliceProof, unitBoundary } from '@dsperse/core/verify';
import {
  type BundledTensor,
  type CaseDocument,
  canonicalBytes,
  commitInput,
  type Delivery,
  digestAsBytes32,
  digestOfBytes,
  hashMessage,
  type Lock,
  type NetworkId,
  type Order,
  type OrderManifest,
  type ProgramDocument,
  signMessage,
  type TensorBundle,
} from '@dsperse/network/messages';
import { type Hex, numberToHex, pad } from 'viem';
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import {
  PreparedChunks as Prepared,
  type PreparedChunks,
  type ProveJob,
  type ProvenChunk,
  proveChunk,
} from '../../packages/network/src/roles/prover/prove-chunk.js';
import type { AppealRequest } from '../../packages/network/src/roles/validator/check-appeal.js';
import { type CaseRequest, openCaseKey } from '../../packages/network/src/roles/validator/check-case.js';

export const word = (k: number): Hex => pad(numberToHex(k), { size: 32 });
export const accountOf = (k: number): PrivateKeyAccount => privateKeyToAccount(word(k));
export const network: NetworkId = { chainId: 31337, market: accountOf(7).address, settlement: accountOf(8).address };
export const [requester, prover, gateway, thief] = [1, 2, 3, 4].map(accountOf);
export const STARTED_AT = 1_000;

const lower = <H extends Hex>(hex: H) => hex.toLowerCase() as H;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function tensor(dims: readonly number[], seed: number): Tensor {
  const size = dims.reduce((a, b) => a * b, 1);
  const data = Float64Array.from({ length: size }, (_, i) => Math.fround(Math.sin(seed * 17.3 + i * 1.7)));
  return { dtype: 'float32', dims, data };
}

/** Layers of width 8 with Relu: as many slices as layers. */
export function smallModel(layers = 3): Uint8Array {
  const nodes: GraphNode[] = [];
  const initializers = new Map<string, Tensor>();
  let from = 'x';
  const add = (op: string, inputs: string[], output: string) => {
    nodes.push({ name: output, op, domain: '', inputs, outputs: [output], attributes: {} });
    from = output;
  };
  for (let layer = 0; layer < layers; layer++) {
    initializers.set(`w${layer}`, tensor([8, 8], layer + 1));
    add('MatMul', [from, `w${layer}`], `z${layer}`);
    add('Relu', [from], `y${layer}`);
  }
  const tensors = new Map([['x', { dtype: 'float32' as const, dims: [4, 8] }]]);
  return encodeOnnx({ name: 'small', opset: 13, inputs: ['x'], outputs: [from], nodes, initializers, tensors });
}

export interface SmallProgram {
  readonly kernels: Kernels;
  readonly prepared: PreparedChunks;
  readonly key: Uint8Array;
  readonly fingerprint: string;
  readonly slices: readonly ReturnType<typeof decodeSlicePackage>[];
  readonly inputs: ReadonlyMap<string, Int32Array>;
  /** Integers of every boundary tensor of the run. */
  readonly values: ReadonlyMap<string, Int32Array>;
  readonly outputs: readonly string[];
}

/** The program as a gateway publishes it; its packages are nowhere. */
export function documentOf(program: SmallProgram): ProgramDocument {
  return {
    format: 'dsperse-network-program/1',
    name: 'small',
    fingerprint: program.fingerprint,
    protocolVersion: 1,
    key: digestOfBytes(program.key),
    keyBytes: program.key.length,
    inputs: ['x'],
    outputs: [...program.outputs],
    slices: program.slices.map(({ index, workUnits, inputs, outputs }) => {
      return {
        index,
        workUnits,
        inputs: [...inputs],
        outputs: [...outputs],
        package: digestOfBytes(program.key),
        packageBytes: 1,
      };
    }),
  };
}

export async function smallProgram(preset: 'tiny' | 'standard' = 'tiny'): Promise<SmallProgram> {
  const kernels = await createKernels({ threads: 1 });
  const given = new Map([['x', tensor([4, 8], 0)]]);
  const program = compileModel(smallModel(), { calibration: [given], slices: 3, precision: 'standard' });
  const { key, fingerprint, packages } = commitProgram(kernels, program, { preset });
  const slices = packages.map((p) => decodeSlicePackage(p.bytes));
  const inputs = quantizeInputs(program, given).integers;
  const values = new Map(inputs);
  for (const slice of slices) {
    for (const [name, integers] of executeSlice(slice, values).outputs) values.set(name, integers);
  }
  const prepared = new Prepared(kernels);
  return { kernels, prepared, key, fingerprint, slices, inputs, values, outputs: program.outputs };
}

export interface SmallOrder {
  readonly order: Order;
  readonly id: Hex;
  readonly manifest: OrderManifest;
  readonly values: TensorBundle;
  /** What the gateway gives the prover of a chunk. */
  readonly boundaryOf: (chunk: number) => TensorBundle;
}

/** Names of what chunks read, and of what is read of them. */
const outerOf = (p: SmallProgram, slices: readonly number[]) =>
  unitBoundary({ outputs: p.outputs, slices: p.slices }, slices[0], slices.length);

/** Names of the outputs that the prover of a chunk is asked for. */
export const outputsOf = (p: SmallProgram, { manifest }: SmallOrder, chunk: number): readonly string[] => {
  const { slices } = manifest.chunks[chunk];
  return finalOutputs({ outputs: p.outputs, slices: p.slices }, slices[0], slices.length);
};

/** Chunk 0 has slices 0 and 1, chunk 1 slice 2. */
export function smallOrder(p: SmallProgram, change: Partial<Order> = {}): SmallOrder {
  const salt = new Uint8Array(32).fill(9);
  const order: Order = {
    requester: lower(requester.address),
    gateway: lower(gateway.address),
    fingerprint: `0x${p.fingerprint}`,
    inputCommitment: commitInput(salt, p.inputs),
    priceMin: 10n ** 15n,
    priceMax: 2n * 10n ** 15n,
    rampSeconds: 100,
    budget: 10n ** 18n,
    deadline: 5_000,
    salt: word(12),
    ...change,
  };
  const id = hashMessage(network, 'Order', order);
  const secret = new Uint8Array(32).fill(3);
  const saltOf = (name: string) => deriveSalt(secret, name);
  const commitments: Record<string, string> = {};
  const chunks = [[0, 1], [2]].map((slices, index) => ({
    index,
    slices,
    workUnits: slices.reduce((n, i) => n + p.slices[i].workUnits, 0),
  }));
  const read = new Set(chunks.flatMap(({ slices }) => outerOf(p, slices).inputs));
  for (const slice of p.slices) {
    const boundary = new Map(
      [...slice.inputs, ...slice.outputs]
        .filter((name) => read.has(name))
        .map((name) => [name, { values: p.values.get(name) as Int32Array, salt: saltOf(name) }]),
    );
    for (const [name, c] of boundaryCommitments(p.kernels, slice, boundary)) commitments[name] = c;
  }
  const boundaryOf = (chunk: number): TensorBundle => {
    const { inputs, outputs } = outerOf(p, chunks[chunk].slices);
    return new Map<string, BundledTensor>([
      ...inputs.map((name) => [name, { values: p.values.get(name), salt: hex(saltOf(name)) }] as const),
      ...outputs.map((name) => [name, { salt: hex(saltOf(name)) }] as const),
    ]);
  };
  const values = new Map<string, BundledTensor>();
  for (const [name, integers] of p.inputs) values.set(name, { values: integers, salt: hex(salt) });
  for (const name of p.outputs) values.set(name, { values: p.values.get(name), salt: '0'.repeat(64) });
  const manifest = { order: id, fingerprint: p.fingerprint, startedAt: STARTED_AT, chunks, commitments };
  return { order, id, manifest, values, boundaryOf };
}

export const jobOf = (p: SmallProgram, o: SmallOrder, chunk: number, by = prover): ProveJob => ({
  fingerprint: p.fingerprint,
  nonce: o.id.slice(2),
  prover: by.address.toLowerCase(),
  slices: o.manifest.chunks[chunk].slices.map((index) => ({ index, digest: `slice ${index}`, path: '' })),
  key: p.key,
  boundary: o.boundaryOf(chunk),
  outputs: outputsOf(p, o, chunk),
});

export const proveJob = (p: SmallProgram, job: ProveJob): Promise<ProvenChunk> =>
  proveChunk(job, p.prepared, async ({ index }) => p.slices[index]);

export const lockOf = (o: SmallOrder, chunk: number, change: Partial<Lock> = {}): Lock => ({
  order: o.id,
  chunk,
  attempt: 0,
  prover: lower(prover.address),
  price: (BigInt(o.manifest.chunks[chunk].workUnits) * o.order.priceMin) / 1_000_000n,
  collateral: 5n,
  deadline: 4_000,
  ...change,
});

/** What a prover signs for its proof. */
export async function deliveryOf(
  o: SmallOrder,
  chunk: number,
  { statement, proof: bytes }: SliceProof,
  by = prover,
  held = lockOf(o, chunk, { prover: lower(by.address) }),
): Promise<Delivery> {
  const lock = hashMessage(network, 'Lock', held);
  const proof = { lock, statement: { ...statement }, proof: digestOfBytes(bytes), proofBytes: bytes.length };
  const proofDigest = digestAsBytes32(digestOfBytes(canonicalBytes(proof)));
  const message = { order: o.id, chunk, attempt: held.attempt, prover: lower(by.address), proofDigest };
  return { receipt: await signMessage(by, network, 'Receipt', message), proof };
}

export async function sealOf(manifest: OrderManifest, by = gateway) {
  return signMessage(by, network, 'Manifest', {
    order: manifest.order,
    digest: digestAsBytes32(digestOfBytes(canonicalBytes(manifest))),
    gateway: lower(by.address),
  });
}

export interface CaseParts {
  readonly lock?: Lock;
  readonly manifest?: OrderManifest;
  readonly proven: SliceProof;
  readonly by?: PrivateKeyAccount;
}

/** The case of a chunk, with every signature in order. */
export async function caseOf(p: SmallProgram, o: SmallOrder, chunk: number, parts: CaseParts): Promise<CaseRequest> {
  const { by = prover, manifest = o.manifest, lock = lockOf(o, chunk, { prover: lower(by.address) }) } = parts;
  const document: CaseDocument = {
    order: await signMessage(requester, network, 'Order', o.order),
    manifest,
    seal: await sealOf(manifest),
    lock: await signMessage(by, network, 'Lock', lock),
    delivery: await deliveryOf(o, chunk, parts.proven, by, lock),
  };
  return { ...judgedOf(p, o, chunk, parts.proven), document, now: STARTED_AT, toleranceSeconds: 5 };
}

/** What a validator has besides the documents. */
function judgedOf(p: SmallProgram, o: SmallOrder, chunk: number, { proof }: SliceProof) {
  return {
    order: o.id,
    chunk,
    attempt: 0,
    network,
    values: o.values,
    key: openCaseKey(p.key, 'tiny'),
    proof,
    onChain: { state: 'reserved', reserved: o.order.budget, cancelRequested: false, deadline: 0, exitAt: 2 ** 40 },
    maxProofBytes: 1 << 20,
  } as const;
}

/** The appeal of a chunk's prover whose proof is not acknowledged, with every signature in order. */
export async function appealFor(
  p: SmallProgram,
  o: SmallOrder,
  chunk: number,
  parts: Omit<CaseParts, 'manifest'>,
): Promise<AppealRequest> {
  const { by = prover, proven, lock = lockOf(o, chunk, { prover: lower(by.address) }) } = parts;
  const appeal = {
    order: await signMessage(requester, network, 'Order', o.order),
    lock: await signMessage(by, network, 'Lock', lock),
    delivery: await deliveryOf(o, chunk, proven, by, lock),
  };
  return { ...judgedOf(p, o, chunk, proven), appeal };
}

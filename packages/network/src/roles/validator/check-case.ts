/**
 * The verdict of a validator on one delivered chunk. A rejection says that the prover's own signed delivery is wrong;
 * what may be the fault of the gateway, or cannot be judged from what is here, is an abstention.
 */
import { decodeKey, fingerprintOf, InputError, type VerifierKey, verifySlice } from '@dsperse/core/verify';
import type { Hex } from 'viem';
import type { OnChainOrder } from '../../chain/ledger.js';
import { chunkPrice, priceAt } from '../../market/index.js';
import {
  type CaseDocument,
  canonicalBytes,
  commitInput,
  digestAsBytes32,
  digestOfBytes,
  hashMessage,
  isSignedBy,
  type NetworkId,
  type TensorBundle,
} from '../../messages/index.js';

export type AbstentionCode =
  | 'wrong-case'
  | 'order-signature'
  | 'order-id'
  | 'not-reserved'
  | 'manifest-seal'
  | 'manifest'
  | 'lock-signature'
  | 'lock'
  | 'price'
  | 'values'
  | 'receipt-signature'
  | 'receipt'
  | 'missing-key'
  | 'unusable-key'
  | 'missing-values'
  | 'input-commitment'
  | 'missing-proof'
  | 'unlinked'
  | (string & {});

export type CaseOutcome =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly code: string; readonly path: string }
  | { readonly abstain: AbstentionCode; readonly path: string };

export interface CaseKey {
  readonly fingerprint: string;
  readonly key: VerifierKey;
}

export interface CaseRequest {
  readonly order: Hex;
  readonly chunk: number;
  readonly attempt: number;
  readonly document: CaseDocument;
  readonly network: NetworkId;
  /** The gateway that the case came from, where only its seal counts; any operator's otherwise. */
  readonly gateway?: Hex;
  /** Public inputs, with the salt of the input's commitment, and outputs. */
  readonly values: TensorBundle;
  /** Undefined where no gateway has it. */
  readonly key: CaseKey | { readonly unusable: string } | undefined;
  /** By digest; those that were not to be had are absent. */
  readonly proofs: ReadonlyMap<string, Uint8Array>;
  /** In seconds, by the clock that is ahead of others rather than behind. */
  readonly now: number;
  readonly toleranceSeconds: number;
  readonly onChain: OnChainOrder;
  /** Larger proofs are rejected unseen. */
  readonly maxProofBytes: number;
}

const abstain = (code: AbstentionCode, path: string): CaseOutcome => ({ abstain: code, path });
const reject = (code: string, path: string): CaseOutcome => ({ accepted: false, code, path });

/** The key of a case. A key of a weaker preset than asked for, or of another protocol, is unusable. */
export function openCaseKey(bytes: Uint8Array, preset: 'standard' | 'tiny' = 'standard'): CaseRequest['key'] {
  try {
    return { fingerprint: fingerprintOf(bytes), key: decodeKey(bytes, preset) };
  } catch (error) {
    return { unusable: error instanceof InputError ? error.code : 'internal' };
  }
}

/** Total: any document gives an outcome. The proofs are looked at last, as they cost most. */
export async function checkCase(request: CaseRequest): Promise<CaseOutcome> {
  const known = request.key;
  return (
    (await checkOrder(request)) ??
    (await checkManifest(request)) ??
    (await checkLock(request)) ??
    (await checkReceipt(request)) ??
    // From here on the prover's signature stands for the delivery.
    checkStatements(request) ??
    checkInput(request) ??
    (known === undefined
      ? abstain('missing-key', 'key')
      : 'unusable' in known
        ? abstain('unusable-key', `key/${known.unusable}`)
        : checkProofs(request, known))
  );
}

async function checkOrder({ network, document, order: id, onChain }: CaseRequest): Promise<CaseOutcome | undefined> {
  const { order } = document;
  if (!isSignedBy(network, 'Order', order, order.message.requester)) return abstain('order-signature', 'order');
  if (hashMessage(network, 'Order', order.message) !== id.toLowerCase()) return abstain('order-id', 'order');
  if (onChain.state !== 'reserved') return abstain('not-reserved', `chain/${onChain.state}`);
  if (onChain.reserved < document.lock.message.price) return abstain('not-reserved', 'chain/reserved');
  return undefined;
}

async function checkManifest(request: CaseRequest): Promise<CaseOutcome | undefined> {
  const { network, document, order, gateway, chunk } = request;
  const { manifest, seal } = document;
  const by = seal.message.gateway;
  const isOurs =
    seal.message.order === order.toLowerCase() &&
    seal.message.digest === digestAsBytes32(digestOfBytes(canonicalBytes(manifest))) &&
    (gateway === undefined || by.toLowerCase() === gateway.toLowerCase());
  if (!isOurs || !isSignedBy(network, 'Manifest', seal, by)) return abstain('manifest-seal', 'seal');
  if (manifest.order !== order.toLowerCase()) return abstain('manifest', 'manifest/order');
  if (`0x${manifest.fingerprint}` !== document.order.message.fingerprint) {
    return abstain('manifest', 'manifest/fingerprint');
  }
  const listed = manifest.chunks.filter((c) => c.index === chunk);
  return listed.length === 1 ? undefined : abstain('manifest', `manifest/chunks/${chunk}`);
}

const chunkOf = ({ document, chunk }: CaseRequest) =>
  document.manifest.chunks.find((c) => c.index === chunk) as CaseDocument['manifest']['chunks'][number];

async function checkLock(request: CaseRequest): Promise<CaseOutcome | undefined> {
  const { network, document, order, chunk, attempt } = request;
  const { message } = document.lock;
  if (!isSignedBy(network, 'Lock', document.lock, message.prover)) return abstain('lock-signature', 'lock');
  const fits = message.order === order.toLowerCase() && message.chunk === chunk && message.attempt === attempt;
  return fits ? undefined : abstain('lock', 'lock');
}

async function checkReceipt({
  network,
  document,
  order,
  chunk,
  attempt,
}: CaseRequest): Promise<CaseOutcome | undefined> {
  const { receipt, proof } = document.delivery;
  const { message } = receipt;
  const { prover } = document.lock.message;
  if (!isSignedBy(network, 'Receipt', receipt, prover)) return abstain('receipt-signature', 'receipt');
  const fits =
    message.order === order.toLowerCase() &&
    message.chunk === chunk &&
    message.attempt === attempt &&
    message.prover === prover &&
    message.proofDigest === digestAsBytes32(digestOfBytes(canonicalBytes(proof)));
  return fits ? undefined : abstain('receipt', 'receipt');
}

/** What the statements say that they are about. */
function checkStatements(request: CaseRequest): CaseOutcome | undefined {
  const { document, order } = request;
  const { slices } = chunkOf(request);
  const given = document.delivery.proof.slices;
  if (given.length !== slices.length) return reject('slices', 'proof/slices');
  for (const [i, { statement, proofBytes }] of given.entries()) {
    const path = `proof/slices/${i}`;
    if (statement.index !== slices[i]) return reject('slice-index', `${path}/statement/index`);
    if (statement.fingerprint !== document.manifest.fingerprint) {
      return reject('fingerprint', `${path}/statement/fingerprint`);
    }
    if (statement.nonce !== order.toLowerCase().slice(2)) return reject('nonce', `${path}/statement/nonce`);
    if (statement.prover !== document.lock.message.prover.toLowerCase()) {
      return reject('prover', `${path}/statement/prover`);
    }
    if (proofBytes > request.maxProofBytes) return reject('proof-too-large', `${path}/proof`);
  }
  return undefined;
}

/** The input is the one that the requester signed for. */
function checkInput({ document, values, key }: CaseRequest): CaseOutcome | undefined {
  if (!key || 'unusable' in key) return undefined;
  const inputs = new Map<string, Int32Array>();
  let salt: string | undefined;
  for (const name of key.key.inputs) {
    const tensor = values.get(name);
    if (!tensor?.values) return abstain('missing-values', `values/${name}`);
    if (salt !== undefined && tensor.salt !== salt) return abstain('input-commitment', `values/${name}`);
    salt = tensor.salt;
    inputs.set(name, tensor.values);
  }
  const saltBytes = Uint8Array.from((salt ?? '').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  const isCommitted = commitInput(saltBytes, inputs) === document.order.message.inputCommitment;
  return isCommitted ? undefined : abstain('input-commitment', 'values');
}

function checkProofs(request: CaseRequest, { key, fingerprint }: CaseKey): CaseOutcome {
  const { document, proofs } = request;
  if (fingerprint !== document.manifest.fingerprint) return abstain('unusable-key', 'key/fingerprint');
  const fault = checkWork(request, key);
  if (fault) return fault;
  const values = new Map(
    [...request.values].flatMap(([name, { values: v }]): [string, Int32Array][] => (v ? [[name, v]] : [])),
  );
  let unlinked: CaseOutcome | undefined;
  let unjudged: CaseOutcome | undefined;
  for (const [i, { statement, proof: digest, proofBytes }] of document.delivery.proof.slices.entries()) {
    const path = `proof/slices/${i}`;
    const proof = proofs.get(digest);
    if (!proof) {
      unjudged ??= abstain('missing-proof', `${path}/proof`);
      continue;
    }
    if (proof.length !== proofBytes) return reject('proof-length', `${path}/proofBytes`);
    const verdict = verifySlice(key, fingerprint, statement, proof, values);
    if (verdict.verdict === 'rejected') {
      // Public values come from the gateway: where they are not what the prover signed for, nobody has shown a wrong proof.
      if (isOfPublicValues(key, statement.index, verdict)) return abstain('values', `${path}/${verdict.path}`);
      return reject(verdict.code, `${path}/${verdict.path}`);
    }
    if (verdict.verdict === 'undecided') unjudged ??= abstain(verdict.code, `${path}/${verdict.path}`);
    const { commitments } = document.manifest;
    const other = Object.entries(statement.commitments).find(([name, c]) => commitments[name] !== c);
    // The proof holds for other values than the manifest's: whose are wrong cannot be seen from here.
    if (other) unlinked ??= abstain('unlinked', `${path}/statement/commitments/${other[0]}`);
  }
  return unjudged ?? unlinked ?? { accepted: true };
}

/** Whether a proof was turned down because of what the gateway said that an output is; the input is the order's. */
function isOfPublicValues(key: VerifierKey, index: number, { code, path }: { code: string; path: string }): boolean {
  if (code === 'public-values') return true;
  const at = /^boundary\/(\d+)$/.exec(path);
  if (code !== 'commitment' || !at) return false;
  const { inputs, outputs } = key.slices[index];
  const name = [...inputs, ...outputs][Number(at[1])];
  return key.outputs.includes(name);
}

/** The price by the work that the key says, and a price that the curve had reached. */
function checkWork(request: CaseRequest, key: VerifierKey): CaseOutcome | undefined {
  const { document, chunk } = request;
  const { manifest, lock, order } = document;
  const listed = chunkOf(request);
  let workUnits = 0;
  for (const index of listed.slices) {
    const slice = key.slices[index];
    if (!slice) return abstain('manifest', `manifest/chunks/${chunk}/slices/${index}`);
    workUnits += slice.workUnits;
  }
  if (workUnits !== listed.workUnits) return abstain('manifest', `manifest/chunks/${chunk}/workUnits`);
  const curve = order.message;
  if (curve.priceMax < curve.priceMin) return abstain('price', 'order/priceMax');
  const reached = priceAt(curve, manifest.startedAt, request.now + request.toleranceSeconds);
  return lock.message.price <= chunkPrice(reached, workUnits) ? undefined : abstain('price', 'lock/price');
}

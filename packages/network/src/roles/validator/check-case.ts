/**
 * The verdict of a validator on one delivered chunk. A rejection says that the prover's own signed delivery is wrong;
 * what may be the fault of the gateway, or cannot be judged from what is here, is an abstention.
 */
import {
  decodeKey,
  finalOutputs,
  fingerprintOf,
  InputError,
  type SliceStatement,
  unitBoundary,
  type VerifierKey,
  verifySlice,
} from '@dsperse/core/verify';
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
  isDelegatedTo,
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
  | 'other-gateway'
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
  /** Public inputs, with the salt of the input's commitment, and outputs of the chunk. */
  readonly values: TensorBundle;
  /** Undefined where no gateway has it. */
  readonly key: CaseKey | { readonly unusable: string } | undefined;
  /** Undefined where it was not to be had. */
  readonly proof: Uint8Array | undefined;
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

/** Total: any document gives an outcome. The proof is looked at last, as it costs most. */
export async function checkCase(request: CaseRequest): Promise<CaseOutcome> {
  const known = request.key;
  return (
    (await checkOrder(request)) ??
    (await checkManifest(request)) ??
    (await checkLock(request)) ??
    (await checkReceipt(request)) ??
    // From here on the prover's signature stands for the delivery.
    checkStatement(request) ??
    (known === undefined
      ? abstain('missing-key', 'key')
      : 'unusable' in known
        ? abstain('unusable-key', `key/${known.unusable}`)
        : checkProof(request, known))
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
  const named = document.order.message.gateway;
  // Another's proofs would bind us to verdicts on attempts of the order's own gateway.
  const isItsOwn = by.toLowerCase() === named.toLowerCase();
  if (!isItsOwn && !isDelegatedTo(network, named, by, document.delegation, manifest.startedAt)) {
    return abstain('other-gateway', 'seal/message/gateway');
  }
  if (manifest.order !== order.toLowerCase()) return abstain('manifest', 'manifest/order');
  if (`0x${manifest.fingerprint}` !== document.order.message.fingerprint) {
    return abstain('manifest', 'manifest/fingerprint');
  }
  const listed = manifest.chunks.filter((c) => c.index === chunk);
  if (listed.length !== 1) return abstain('manifest', `manifest/chunks/${chunk}`);
  const [{ slices }] = listed;
  const isOneStretch = slices.every((index, i) => index === slices[0] + i);
  return isOneStretch ? undefined : abstain('manifest', `manifest/chunks/${chunk}/slices`);
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
  if (!fits) return abstain('receipt', 'receipt');
  // The verdict is about the proof's digest: so it is about this price too, wherever it is shown.
  const isForLock = proof.lock === hashMessage(network, 'Lock', document.lock.message);
  return isForLock ? undefined : abstain('receipt', 'receipt/proof/lock');
}

/** What the statement says that the proof is about: all slices of the chunk, for this order, by this prover. */
function checkStatement(request: CaseRequest): CaseOutcome | undefined {
  const { document, order } = request;
  const { slices } = chunkOf(request);
  const { statement, proofBytes } = document.delivery.proof;
  const wrong = (code: string, field: string) => reject(code, `proof/statement/${field}`);
  if (statement.index !== slices[0]) return wrong('slice-index', 'index');
  if ((statement.count ?? 1) !== slices.length) return wrong('slice-count', 'count');
  if (statement.fingerprint !== document.manifest.fingerprint) return wrong('fingerprint', 'fingerprint');
  if (statement.nonce !== order.toLowerCase().slice(2)) return wrong('nonce', 'nonce');
  if (statement.prover !== document.lock.message.prover.toLowerCase()) return wrong('prover', 'prover');
  return proofBytes > request.maxProofBytes ? reject('proof-too-large', 'proof/proof') : undefined;
}

/**
 * The input is the one that the requester signed for. A statement that names no public input says nothing of it: what its chunk
 * reads is what other chunks make, whose statements do.
 */
function checkInput({ document, values }: CaseRequest, key: VerifierKey): CaseOutcome | undefined {
  const { index, count = 1 } = document.delivery.proof.statement;
  const { inputs: read } = unitBoundary(key, index, count);
  if (!key.inputs.some((name) => read.includes(name))) return undefined;
  const inputs = new Map<string, Int32Array>();
  let salt: string | undefined;
  for (const name of key.inputs) {
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

function checkProof(request: CaseRequest, { key, fingerprint }: CaseKey): CaseOutcome {
  const { document, proof } = request;
  if (fingerprint !== document.manifest.fingerprint) return abstain('unusable-key', 'key/fingerprint');
  const fault = checkWork(request, key) ?? checkInput(request, key);
  if (fault) return fault;
  if (!proof) return abstain('missing-proof', 'proof/proof');
  const { statement, proofBytes } = document.delivery.proof;
  if (proof.length !== proofBytes) return reject('proof-length', 'proof/proofBytes');
  const values = new Map(
    [...request.values].flatMap(([name, { values: v }]): [string, Int32Array][] => (v ? [[name, v]] : [])),
  );
  const verdict = verifySlice(key, fingerprint, statement, proof, values);
  if (verdict.verdict === 'undecided') return abstain(verdict.code, `proof/${verdict.path}`);
  if (verdict.verdict === 'rejected') {
    // The gateway chose what goes into one proof: that none can hold it is not the prover's doing.
    if (verdict.code === 'slice-too-large') return abstain('manifest', `manifest/chunks/${request.chunk}/slices`);
    // Public values come from the gateway, which takes no outputs from a prover but those that its statement commits to: where
    // they are others, nobody has shown a wrong proof.
    if (isOfPublicValues(key, statement, verdict)) return abstain('values', `proof/${verdict.path}`);
    return reject(verdict.code, `proof/${verdict.path}`);
  }
  const { commitments } = document.manifest;
  // Final outputs are what was proven: no other chunk could contradict it.
  const final = finalOutputs(key, statement.index, statement.count ?? 1);
  const linked = Object.entries(statement.commitments).filter(([name]) => !final.includes(name));
  const other = linked.find(([name, c]) => commitments[name] !== c);
  // The proof holds for other values than the manifest's: whose are wrong cannot be seen from here.
  return other ? abstain('unlinked', `proof/statement/commitments/${other[0]}`) : { accepted: true };
}

/** Whether a proof was turned down because of what the gateway said that an output is; the input is the order's. */
function isOfPublicValues(
  key: VerifierKey,
  { index, count = 1 }: SliceStatement,
  { code, path }: { code: string; path: string },
): boolean {
  if (code === 'public-values') return true;
  const at = /^boundary\/(\d+)$/.exec(path);
  if (code !== 'commitment' || !at) return false;
  const { inputs, outputs } = unitBoundary(key, index, count);
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

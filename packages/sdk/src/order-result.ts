/** What came of an order, judged by the requester itself. */
import { dequantize } from '@dsperse/core/program';
import { AcceptedSlices, type PublicValues, type SliceStatement } from '@dsperse/core/verify';
import {
  type Certificate,
  certificateSchema,
  decodeBundle,
  digestOfBytes,
  type OrderEvent,
  type OrderState,
  type OrderView,
  sealingContext,
} from '@dsperse/network/messages';
import { type NodeClient, open, TransportError } from '@dsperse/network/transport';
import { type Hex, hexToBytes } from 'viem';
import type { Electorate } from './certificate-chunk.js';
import { fetchBlob } from './gateway-blobs.js';
import type { GatewayIdentity } from './gateway-identity.js';
import { openedKeys } from './opened-keys.js';
import type { OrderInHand } from './saved-order.js';
import { type CertificateVerdict, verifyCertificate } from './verify-certificate.js';

export interface OutputTensor {
  readonly dims: readonly number[];
  /** Real numbers. */
  readonly data: Float64Array;
}

export interface OrderResult {
  readonly id: Hex;
  readonly verdict: 'accepted' | 'rejected' | 'undecided';
  /** Why it is not accepted: a code of the verdict, or the state in which the order ended. */
  readonly code?: string;
  readonly path?: string;
  /** In the gateway's words, where the order was not delivered. */
  readonly reason?: string;
  readonly state: OrderState;
  readonly fingerprint: string;
  /** By name; only where the verdict is `accepted`. */
  readonly outputs: ReadonlyMap<string, OutputTensor>;
  readonly certificate?: Certificate;
  readonly certified?: CertificateVerdict;
  readonly keyBytes?: Uint8Array;
  /** Proofs of all chunks, by digest. */
  readonly proofs?: ReadonlyMap<string, Uint8Array>;
  /** Integers of the public tensors. */
  readonly values?: PublicValues;
  /** Token units: what the locks of the certificate come to; else what the gateway says. */
  readonly spent: bigint;
  readonly view: OrderView;
  readonly verifyMs: number;
}

export const hasEnded = (state: OrderState): boolean => !['received', 'reserved', 'running'].includes(state);

/** Also an order that is settled may have been delivered before. */
export const isDelivered = (view: OrderView): boolean =>
  hasEnded(view.state) && view.chunks.length > 0 && view.chunks.every((c) => c.state === 'accepted');

const MAX_PROOF_BYTES = 2 ** 28;
const MAX_VALUES_BYTES = 2 ** 29;
const AT_ONCE = 4;
/** Proofs that are fetched before the certificate names them: so many, and of so many bytes each. */
const [MAX_EARLY, MAX_EARLY_BYTES] = [64, 2 ** 22];

/**
 * What is fetched, and verified, as soon as events tell of it, so that less is left to do when the order ends. The verdict at the
 * end rests on none of it but on proofs that are the very same as those that were verified.
 */
export class EarlyMaterial {
  /** Of the order's inputs alone: outputs are given out at the end, and so a chunk that makes any is verified then. */
  readonly accepted = new AcceptedSlices();
  readonly #proofs = new Map<string, Promise<Uint8Array | undefined>>();
  #certificate: Promise<Certificate | undefined> | undefined;
  #values: Promise<PublicValues> | undefined;

  constructor(
    private readonly http: NodeClient,
    private readonly order: OrderInHand,
    private readonly key: () => Promise<Uint8Array>,
    private readonly signal?: AbortSignal,
  ) {}

  hear({ kind, proof, statement }: OrderEvent): void {
    if (kind === 'proven' && proof !== undefined && this.#proofs.size < MAX_EARLY && !this.#proofs.has(proof)) {
      const fetched = fetchBlob(this.http, proof, MAX_EARLY_BYTES, this.signal).catch(() => undefined);
      this.#proofs.set(proof, fetched);
      // What does not hold, or cannot be verified yet, is looked at again when the order ends.
      if (statement) this.#verify(statement, fetched).catch(() => undefined);
    } else if (kind === 'delivered') {
      this.#certificate ??= fetchCertificate(this.http, this.order.id, this.signal);
      this.#values ??= fetchValues(this.http, this.order, this.signal);
      // What fails here is asked for again.
      this.#certificate.catch(() => undefined);
      this.#values.catch(() => undefined);
    }
  }

  async #verify(statement: SliceStatement, fetched: Promise<Uint8Array | undefined>): Promise<void> {
    const [proof, bytes] = await Promise.all([fetched, this.key()]);
    if (!proof) return;
    const digest = digestOfBytes(bytes);
    const key = openedKeys.decode(bytes, digest);
    this.accepted.verify(key, openedKeys.fingerprintOf(bytes, digest), statement, proof, this.order.inputs);
  }

  certificate(): Promise<Certificate | undefined> {
    const ask = () => fetchCertificate(this.http, this.order.id, this.signal);
    return this.#certificate?.catch(ask) ?? ask();
  }

  values(): Promise<PublicValues> {
    const ask = () => fetchValues(this.http, this.order, this.signal);
    return this.#values?.catch(ask) ?? ask();
  }

  /** undefined where it is not here. */
  async proof(digest: string, bytes: number): Promise<Uint8Array | undefined> {
    const found = await this.#proofs.get(digest);
    return found?.length === bytes ? found : undefined;
  }
}

/**
 * Fetches what the verdict rests on, and judges it.
 * @param key the verifier key, or how to get it
 */
export async function collectResult(
  http: NodeClient,
  gateway: GatewayIdentity,
  order: OrderInHand,
  view: OrderView,
  key: () => Promise<Uint8Array>,
  signal?: AbortSignal,
  early = new EarlyMaterial(http, order, key, signal),
  electorate: () => Promise<Electorate | undefined> = async () => undefined,
): Promise<OrderResult> {
  const { id } = order;
  const fingerprint = order.order.message.fingerprint.slice(2);
  const known = { id, state: view.state, fingerprint, view, outputs: new Map<string, OutputTensor>() };
  if (!isDelivered(view)) {
    const { state, reason, spent } = view;
    return { ...known, verdict: 'undecided', code: state, ...(reason ? { reason } : {}), spent, verifyMs: 0 };
  }
  const fetched = async () => {
    const certificate = await early.certificate();
    return { certificate, proofs: certificate ? await fetchProofs(http, certificate, early, signal) : new Map() };
  };
  const [{ certificate, proofs }, values, keyBytes, judges] = await Promise.all([
    fetched(),
    early.values(),
    key(),
    electorate(),
  ]);
  const began = performance.now();
  const certified = await verifyCertificate({
    certificate,
    values,
    keyBytes,
    proofs,
    fingerprint,
    inputs: order.inputs,
    inputSalt: order.secrets.inputSalt,
    network: gateway.network,
    // Not whose seal it bears: gateways on one database, each with its own key, go on with each other's orders.
    order: id,
    accepted: early.accepted,
    ...(judges ? { electorate: judges } : {}),
  });
  const verifyMs = performance.now() - began;
  const { verdict, code, path } = certified;
  const outputs = new Map<string, OutputTensor>();
  if (verdict === 'accepted') {
    for (const [name, integers] of certified.outputs) {
      const tensor = certified.key?.tensors.get(name);
      if (tensor) outputs.set(name, { dims: tensor.dims, data: dequantize(tensor, integers) });
    }
  }
  return {
    ...known,
    verdict,
    ...(code === undefined ? {} : { code, path }),
    outputs,
    ...(certificate ? { certificate } : {}),
    certified,
    keyBytes,
    proofs,
    values,
    spent: verdict === 'accepted' ? certified.price : view.spent,
    verifyMs,
  };
}

/** undefined where what the gateway serves is none: the verdict then is that it is malformed. */
async function fetchCertificate(http: NodeClient, id: Hex, signal?: AbortSignal): Promise<Certificate | undefined> {
  try {
    return await http.get(`/v1/orders/${id}/certificate`, certificateSchema, { signal, maxResponseBytes: 1 << 28 });
  } catch (error) {
    if (error instanceof TransportError && error.code === 'bad-response') return undefined;
    throw error;
  }
}

/** The public values; empty where the gateway seals something that is no bundle for this order. */
async function fetchValues(http: NodeClient, order: OrderInHand, signal?: AbortSignal): Promise<PublicValues> {
  const sealed = await http.getBytes(`/v1/orders/${order.id}/values`, MAX_VALUES_BYTES, { signal });
  const context = sealingContext.values(order.id, order.order.message.requester);
  try {
    const bundle = decodeBundle(open(hexToBytes(order.secrets.replySecretKey), sealed, context));
    return new Map([...bundle].flatMap(([name, { values }]) => (values ? [[name, values] as const] : [])));
  } catch {
    // The verdict says what is missing.
    return new Map();
  }
}

/** What the gateway does not have stays away: the verdict is then undecided. Other bytes are given as they are. */
async function fetchProofs(
  http: NodeClient,
  certificate: Certificate,
  early: EarlyMaterial,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const wanted = certificate.chunks.map((c) => c.delivery.proof);
  const proofs = new Map<string, Uint8Array>();
  const next = wanted.values();
  const fetchSome = async () => {
    for (const { proof, proofBytes } of next) {
      try {
        const known = await early.proof(proof, proofBytes);
        proofs.set(proof, known ?? (await fetchBlob(http, proof, Math.min(proofBytes, MAX_PROOF_BYTES), signal)));
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        if (error.code === 'bad-response' || error.code === 'too-large') proofs.set(proof, new Uint8Array(0));
        else if (error.status !== 404) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, fetchSome));
  return proofs;
}

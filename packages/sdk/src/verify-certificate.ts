/**
 * The verdict on an order's certificate. It rests on the fingerprint, and on the input where that is given; nothing that
 * a gateway says is believed. Total: it answers on any input and throws on none.
 */
import {
  type AcceptedSlices,
  fromHex,
  type PublicValues,
  type RunVerdict,
  type SliceProof,
  unitBoundary,
  type VerifierKey,
  verifyRunBy,
} from '@dsperse/core/verify';
import {
  type Certificate,
  canonicalBytes,
  certificateSchema,
  commitInput,
  digestAsBytes32,
  digestOfBytes,
  hashMessage,
  isSignedBy,
  type NetworkId,
  type Order,
  toJson,
} from '@dsperse/network/messages';
import type { Address, Hex } from 'viem';
import { demand, Found, same } from './certificate-check.js';
import { type CertifiedChunk, checkDelivery, type Electorate, weighVerdicts } from './certificate-chunk.js';
import { openedKeys } from './opened-keys.js';

export interface CertificateEvidence {
  /** As the gateway serves it: a `Certificate`, or its JSON. */
  readonly certificate: unknown;
  /** Integers of the public inputs and outputs, by name. */
  readonly values: PublicValues;
  /** The verifier key; undefined where it could not be had. */
  readonly keyBytes: Uint8Array | undefined;
  /** Proofs by digest. */
  readonly proofs: ReadonlyMap<string, Uint8Array>;
  /** What is trusted: 64 hexadecimal digits. */
  readonly fingerprint: string;
  /** The input that was ordered, as integers. */
  readonly inputs?: PublicValues;
  /** Salt of the input's commitment (64 hexadecimal digits): with it the order is shown to be about these inputs. */
  readonly inputSalt?: string;
  /** The network that the order was placed on. */
  readonly network?: NetworkId;
  /** The order that was placed. */
  readonly order?: Hex;
  /** The gateway that took it. */
  readonly gateway?: Address;
  /** As the chain has it (`electorateOf`): with it, the verdicts must reach the quorum. */
  readonly electorate?: Electorate;
  /** Proofs that were verified as they came: those that are the very same are not verified again. */
  readonly accepted?: AcceptedSlices;
}

export interface CertificateVerdict {
  readonly verdict: 'accepted' | 'rejected' | 'undecided';
  readonly code?: string;
  readonly path?: string;
  readonly order?: Hex;
  /** Filled in where the verdict is `accepted`. */
  readonly inputs: PublicValues;
  readonly outputs: PublicValues;
  readonly chunks: readonly CertifiedChunk[];
  /** Token units: what the locks of the certificate come to. */
  readonly price: bigint;
  /** By slice; undefined where the proof of an earlier one is about it too. */
  readonly slices: readonly (SliceProof | undefined)[];
  readonly run?: RunVerdict;
  /** Decoded; filled in where the verdict is `accepted`. */
  readonly key?: VerifierKey;
}

const NOTHING = { inputs: new Map(), outputs: new Map(), chunks: [], price: 0n, slices: [] } as const;

export async function verifyCertificate(evidence: CertificateEvidence): Promise<CertificateVerdict> {
  try {
    return await judge(evidence);
  } catch (error) {
    if (error instanceof Found) {
      const { verdict, code, path } = error;
      return { ...NOTHING, verdict, code, path };
    }
    return { ...NOTHING, verdict: 'rejected', code: 'malformed', path: 'certificate' };
  }
}

async function judge(evidence: CertificateEvidence): Promise<CertificateVerdict> {
  const parsed = certificateSchema.safeParse(toJson(evidence.certificate));
  demand(parsed.success, 'malformed', 'certificate');
  const certificate = parsed.data;
  const network: NetworkId = {
    chainId: certificate.chainId,
    market: certificate.market,
    settlement: certificate.settlement,
  };
  checkNetwork(network, evidence.network);
  const id = await checkOrder(network, certificate, evidence);
  const key = openKey(certificate, evidence);
  await checkManifest(network, id, certificate, key, evidence);
  const slices = key.slices.map((): SliceProof | undefined => undefined);
  const chunks: CertifiedChunk[] = [];
  demand(certificate.chunks.length === certificate.manifest.chunks.length, 'missing-chunk', 'chunks');
  for (const planned of certificate.manifest.chunks) {
    const mine = certificate.chunks.filter((c) => c.lock.message.chunk === planned.index);
    demand(mine.length === 1, 'missing-chunk', `chunks/${planned.index}`);
    const context = { network, id, certificate, key, planned, delivered: mine[0] };
    slices[planned.slices[0]] = await checkDelivery(context, evidence.proofs);
    chunks.push(await weighVerdicts(context, evidence.electorate));
  }
  const price = chunks.reduce((sum, c) => sum + c.price, 0n);
  demand(price <= certificate.order.message.budget, 'over-budget', 'chunks');
  for (const name of evidence.values.keys()) {
    demand(key.inputs.includes(name) || key.outputs.includes(name), 'unknown-tensor', `values/${name}`);
  }
  const { inputs, values, fingerprint, accepted } = evidence;
  const nonce = id.slice(2);
  const run = verifyRunBy({ key, fingerprint }, { nonce, values, slices }, { fingerprint, inputs, accepted });
  if (run.verdict !== 'accepted') {
    const { verdict, code, path } = run;
    return { ...NOTHING, verdict, code, path, order: id, run };
  }
  checkInput(certificate.order.message, run.inputs, evidence.inputSalt);
  const short = chunks.find((c) => c.quorum && c.quorum.decision !== 'accepted');
  if (short) throw new Found('undecided', 'no-quorum', `chunks/${short.index}/verdicts`);
  return {
    verdict: 'accepted',
    order: id,
    inputs: run.inputs,
    outputs: run.outputs,
    chunks,
    price,
    slices,
    run,
    key,
  };
}

function checkNetwork(network: NetworkId, expected: NetworkId | undefined): void {
  if (!expected) return;
  demand(network.chainId === expected.chainId, 'network', 'chainId');
  demand(same(network.market, expected.market), 'network', 'market');
  demand(same(network.settlement, expected.settlement), 'network', 'settlement');
}

async function checkOrder(network: NetworkId, certificate: Certificate, evidence: CertificateEvidence): Promise<Hex> {
  const { order } = certificate;
  const id = hashMessage(network, 'Order', order.message);
  demand(evidence.order === undefined || same(evidence.order, id), 'order', 'order');
  demand(isSignedBy(network, 'Order', order, order.message.requester), 'order-signature', 'order/signature');
  demand(same(order.message.fingerprint, `0x${evidence.fingerprint}`), 'fingerprint', 'order/message/fingerprint');
  return id;
}

function openKey(certificate: Certificate, { keyBytes, fingerprint }: CertificateEvidence): VerifierKey {
  if (!keyBytes) throw new Found('undecided', 'missing-artifact', 'key');
  const digest = digestOfBytes(keyBytes);
  demand(openedKeys.fingerprintOf(keyBytes, digest) === fingerprint, 'fingerprint', 'key');
  demand(digest === certificate.key, 'key-digest', 'key');
  try {
    return openedKeys.decode(keyBytes, digest);
  } catch (error) {
    // The key is the one that is trusted: that it cannot be read is no one's lie.
    throw new Found('undecided', (error as { code?: string }).code ?? 'unreadable-key', 'key');
  }
}

/** The chunks are all slices of the program, each once and in order, with their work; what they read is committed to. */
async function checkManifest(
  network: NetworkId,
  id: Hex,
  { manifest, seal }: Certificate,
  key: VerifierKey,
  { fingerprint, gateway }: CertificateEvidence,
): Promise<void> {
  demand(same(manifest.order, id), 'order', 'manifest/order');
  demand(manifest.fingerprint === fingerprint, 'fingerprint', 'manifest/fingerprint');
  demand(same(seal.message.order, id), 'order', 'seal/message/order');
  const digest = digestAsBytes32(digestOfBytes(canonicalBytes(manifest)));
  demand(same(seal.message.digest, digest), 'manifest-digest', 'seal/message/digest');
  demand(gateway === undefined || same(seal.message.gateway, gateway), 'gateway', 'seal/message/gateway');
  demand(isSignedBy(network, 'Manifest', seal, seal.message.gateway), 'manifest-signature', 'seal/signature');
  let next = 0;
  for (const [i, chunk] of manifest.chunks.entries()) {
    demand(chunk.index === i, 'chunk-index', `manifest/chunks/${i}/index`);
    let workUnits = 0;
    for (const slice of chunk.slices) {
      demand(slice === next && next < key.slices.length, 'slice-index', `manifest/chunks/${i}/slices`);
      workUnits += key.slices[slice].workUnits;
      next++;
    }
    demand(chunk.workUnits === workUnits, 'work-units', `manifest/chunks/${i}/workUnits`);
  }
  demand(next === key.slices.length, 'missing-slice', 'manifest/chunks');
  const read = new Set(manifest.chunks.flatMap(({ slices }) => unitBoundary(key, slices[0], slices.length).inputs));
  const named = Object.keys(manifest.commitments);
  demand(named.length === read.size && named.every((n) => read.has(n)), 'commitment', 'manifest/commitments');
}

/** The order's commitment is to the input that the proofs are about. */
function checkInput(order: Order, inputs: PublicValues, salt: string | undefined): void {
  if (salt === undefined) return;
  const bytes = fromHex(salt, 32);
  demand(bytes !== undefined, 'input-salt', 'values');
  demand(same(commitInput(bytes, new Map(inputs)), order.inputCommitment), 'input-commitment', 'order/message');
}

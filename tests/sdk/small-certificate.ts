/** The certificate of a small order that was proven and verified honestly, with all that a verdict on it rests on. */
import {
  type Certificate,
  canonicalBytes,
  digestAsBytes32,
  digestOfBytes,
  type Lock,
  type OrderManifest,
  signMessage,
} from '@dsperse/network/messages';
import type { CertificateEvidence } from '@dsperse/sdk';
import type { PrivateKeyAccount } from 'viem/accounts';
import {
  accountOf,
  deliveryOf,
  gateway,
  jobOf,
  lockOf,
  network,
  proveJob,
  prover,
  requester,
  type SmallOrder,
  type SmallProgram,
  sealOf,
  smallOrder,
  word,
} from '../network/small-order.js';

export const validators = [21, 22, 23].map(accountOf);
export const stakes = validators.map((v) => ({ operator: v.address, stake: 100n }));

export type Proven = Awaited<ReturnType<typeof proveJob>>;

export interface SmallCertificate {
  readonly order: SmallOrder;
  readonly certificate: Certificate;
  readonly proven: readonly Proven[];
  readonly evidence: CertificateEvidence;
}

export const proveAll = (p: SmallProgram, o: SmallOrder, by = prover): Promise<Proven[]> =>
  Promise.all(o.manifest.chunks.map((c) => proveJob(p, jobOf(p, o, c.index, by))));

export interface Parts {
  readonly manifest?: OrderManifest;
  readonly sealedBy?: PrivateKeyAccount;
  /** Who signs locks and receipts. */
  readonly by?: PrivateKeyAccount;
  readonly lock?: Partial<Lock>;
  /** Other terms than those of the lock, which the proof is delivered for. */
  readonly provenFor?: Partial<Lock>;
  /** What each validator says. */
  readonly says?: readonly boolean[];
}

/** A certificate in which everything is signed by those who can sign it. */
export async function certificateFrom(
  p: SmallProgram,
  o: SmallOrder,
  proven: readonly Proven[],
  parts: Parts = {},
): Promise<Certificate> {
  const { manifest = o.manifest, sealedBy = gateway, by = prover, says = [true, true, true] } = parts;
  const chunks = await Promise.all(
    o.manifest.chunks.map(async ({ index }) => {
      const lock = lockOf(o, index, { prover: by.address.toLowerCase() as Lock['prover'], ...parts.lock });
      const delivery = await deliveryOf(o, index, proven[index], by, { ...lock, ...parts.provenFor });
      const proofDigest = digestAsBytes32(digestOfBytes(canonicalBytes(delivery.proof)));
      const verdicts = await Promise.all(
        says.map((accepted, i) => {
          const validator = validators[i].address.toLowerCase() as Lock['prover'];
          const message = {
            order: o.id,
            chunk: index,
            attempt: 0,
            proofDigest,
            accepted,
            validator,
            salt: word(40 + i),
          };
          return signMessage(validators[i], network, 'Verdict', message);
        }),
      );
      return { lock: await signMessage(by, network, 'Lock', lock), delivery, verdicts };
    }),
  );
  return {
    format: 'dsperse-certificate/1',
    ...network,
    order: await signMessage(requester, network, 'Order', o.order),
    manifest,
    seal: await sealOf(manifest, sealedBy),
    key: digestOfBytes(p.key),
    chunks,
  };
}

export async function smallCertificate(p: SmallProgram): Promise<SmallCertificate> {
  const order = smallOrder(p);
  const proven = await proveAll(p, order);
  const certificate = await certificateFrom(p, order, proven);
  const values = new Map([...order.values].map(([name, { values }]) => [name, values as Int32Array]));
  return {
    order,
    certificate,
    proven,
    evidence: {
      certificate,
      values,
      keyBytes: p.key,
      proofs: proofsOf(proven),
      fingerprint: p.fingerprint,
      inputs: p.inputs,
      inputSalt: order.values.get('x')?.salt,
      network,
      order: order.id,
      gateway: gateway.address,
      electorate: { stakes, committeeSeats: 64 },
    },
  };
}

export const proofsOf = (proven: readonly Proven[]): Map<string, Uint8Array> =>
  new Map(proven.map(({ proof }) => [digestOfBytes(proof), proof]));

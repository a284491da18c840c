/** The requester's verdict on a certificate: whatever a gateway changes, leaves out or adds, it is not accepted. */
import { AcceptedSlices } from '@dsperse/core/verify';
import { digestOfBytes, toJson } from '@dsperse/network/messages';
import { committeeOf, type JudgeStake } from '@dsperse/network/scoring';
import { type CertificateEvidence, verifyCertificate } from '@dsperse/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openedKeys } from '../../packages/sdk/src/opened-keys.js';
import {
  accountOf,
  network,
  type SmallProgram,
  smallOrder,
  smallProgram,
  thief,
  word,
} from '../network/small-order.js';
import {
  certificateFrom,
  proofsOf,
  proveAll,
  type SmallCertificate,
  smallCertificate,
  stakes,
} from './small-certificate.js';

let program: SmallProgram;
let honest: SmallCertificate;
/** Filled as a client fills it while the order runs, and with what only its end tells. */
const accepted = new AcceptedSlices();

beforeAll(async () => {
  program = await smallProgram('standard');
  honest = await smallCertificate(program);
  const { keyBytes, fingerprint, inputs, values } = honest.evidence;
  const key = openedKeys.decode(keyBytes as Uint8Array, digestOfBytes(keyBytes as Uint8Array));
  for (const known of [inputs as CertificateEvidence['values'], values]) {
    for (const { statement, proof } of honest.proven) accepted.verify(key, fingerprint, statement, proof, known);
  }
});
afterAll(() => program.kernels.close());

/** The verdict, which is the same for a client that verified the honest proofs as they came. */
async function judge(change: Partial<CertificateEvidence> = {}) {
  const evidence = { ...honest.evidence, ...change };
  const verdict = await verifyCertificate(evidence);
  expect(await verifyCertificate({ ...evidence, accepted })).toEqual(verdict);
  return verdict;
}

type Json = Record<string, unknown> | unknown[];

/** Paths to all leaves of a JSON value. */
function leavesOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (value === null || typeof value !== 'object') return [path];
  return Object.entries(value).flatMap(([k, v]) => leavesOf(v, [...path, Array.isArray(value) ? Number(k) : k]));
}

function changed(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  const text = String(value);
  // The last digit of an amount, a digest, a signature's r, an address.
  if (/^\d+$/.test(text)) return String(BigInt(text) + 1n);
  const at = text.startsWith('0x') && text.length === 132 ? 40 : text.length - 1;
  return text.slice(0, at) + (text[at] === '1' ? '2' : '1') + text.slice(at + 1);
}

function withLeaf(root: unknown, path: readonly (string | number)[], change: (v: unknown) => unknown): Json {
  const copy = structuredClone(root) as Json;
  let place = copy as Record<string | number, never>;
  for (const step of path.slice(0, -1)) place = place[step];
  const last = path[path.length - 1];
  place[last] = change(place[last]) as never;
  return copy;
}

describe('the verdict on a certificate', () => {
  it('accepts an honest one, with outputs, provers and price', async () => {
    const verdict = await judge();
    expect(verdict).toMatchObject({ verdict: 'accepted', order: honest.order.id });
    const [name] = program.outputs;
    expect(verdict.outputs.get(name)).toEqual(program.values.get(name));
    expect(verdict.chunks.map((c) => c.slices)).toEqual([[0, 1], [2]]);
    expect(verdict.chunks.every((c) => c.quorum?.decision === 'accepted' && c.accepting.length === 3)).toBe(true);
    expect(verdict.price).toBe(honest.certificate.chunks.reduce((n, c) => n + c.lock.message.price, 0n));
    // As JSON it is the same.
    expect(await judge({ certificate: JSON.parse(JSON.stringify(toJson(honest.certificate))) })).toEqual(verdict);
  });

  it('rejects it with any one field changed', async () => {
    const json = toJson(honest.certificate);
    const paths = leavesOf(json);
    expect(paths.length).toBeGreaterThan(100);
    const passed: string[] = [];
    for (const path of paths) {
      const { verdict } = await judge({ certificate: withLeaf(json, path, changed) });
      if (verdict !== 'rejected') passed.push(`${path.join('/')}: ${verdict}`);
    }
    expect(passed).toEqual([]);
  });

  it('rejects it with any one field missing, or one too many', async () => {
    const json = toJson(honest.certificate) as Record<string, unknown>;
    for (const name of Object.keys(json)) {
      const { [name]: _, ...rest } = json;
      expect(await judge({ certificate: rest }), name).toMatchObject({ verdict: 'rejected' });
    }
    expect(await judge({ certificate: { ...json, note: 'more' } })).toMatchObject({ code: 'malformed' });
  });

  it('rejects any changed number of the public values', async () => {
    const { values } = honest.evidence;
    for (const [name, integers] of values) {
      for (let i = 0; i < integers.length; i += 7) {
        const other = Int32Array.from(integers);
        other[i] ^= 1;
        const lied = new Map(values).set(name, other);
        expect(await judge({ values: lied, inputs: undefined }), `${name} ${i}`).toMatchObject({ verdict: 'rejected' });
      }
      const without = new Map([...values].filter(([n]) => n !== name));
      expect(await judge({ values: without }), name).not.toMatchObject({ verdict: 'accepted' });
    }
    const more = new Map(values).set('other', new Int32Array(1));
    expect(await judge({ values: more })).toMatchObject({ verdict: 'rejected', code: 'unknown-tensor' });
  });

  it('rejects an input other than was ordered, and a commitment that is to another', async () => {
    const inputs = new Map([['x', new Int32Array(32).fill(1)]]);
    expect(await judge({ inputs })).toMatchObject({ verdict: 'rejected', code: 'input-mismatch' });
    expect(await judge({ inputSalt: '7'.repeat(64) })).toMatchObject({ verdict: 'rejected', code: 'input-commitment' });
  });

  it('rejects changed proofs, is undecided on missing ones', async () => {
    for (const [digest, proof] of honest.evidence.proofs) {
      const spoiled = Uint8Array.from(proof);
      spoiled[proof.length >> 1] ^= 1;
      const proofs = new Map(honest.evidence.proofs).set(digest, spoiled);
      expect(await judge({ proofs })).toMatchObject({ verdict: 'rejected', code: 'proof-digest' });
      proofs.delete(digest);
      expect(await judge({ proofs })).toMatchObject({ verdict: 'undecided', code: 'missing-artifact' });
    }
  });

  it('rejects a proof that is wrong although everybody signed it', async () => {
    const proven = honest.proven.map((s) => ({ ...s, proof: Uint8Array.from(s.proof) }));
    proven[1].proof[200] ^= 1;
    const certificate = await certificateFrom(program, honest.order, proven);
    const verdict = await judge({ certificate, proofs: proofsOf(proven) });
    expect(verdict).toMatchObject({ verdict: 'rejected', path: expect.stringMatching(/^slices\/2\//) });
  });

  it('rejects another key, and knows nothing without one', async () => {
    const keyBytes = Uint8Array.from(program.key);
    keyBytes[keyBytes.length - 1] ^= 1;
    expect(await judge({ keyBytes })).toMatchObject({ verdict: 'rejected', code: 'fingerprint' });
    expect(await judge({ fingerprint: 'ab'.repeat(32) })).toMatchObject({ verdict: 'rejected', code: 'fingerprint' });
    expect(await judge({ keyBytes: undefined })).toMatchObject({ verdict: 'undecided', code: 'missing-artifact' });
  });

  it('rejects another network, order or gateway than was asked', async () => {
    expect(await judge({ network: { ...network, chainId: 1 } })).toMatchObject({ code: 'network' });
    expect(await judge({ order: word(99) })).toMatchObject({ verdict: 'rejected', code: 'order' });
    expect(await judge({ gateway: thief.address })).toMatchObject({ verdict: 'rejected', code: 'gateway' });
  });
});

describe('a gateway that signs what it changes', () => {
  const resigned = async (parts: Parameters<typeof certificateFrom>[3], evidence: Partial<CertificateEvidence> = {}) =>
    judge({ certificate: await certificateFrom(program, honest.order, honest.proven, parts), ...evidence });

  it('cannot change, add or leave out a commitment', async () => {
    const { manifest } = honest.order;
    for (const name of Object.keys(manifest.commitments)) {
      const commitments = { ...manifest.commitments, [name]: '0'.repeat(64) };
      expect(await resigned({ manifest: { ...manifest, commitments } }), name).toMatchObject({ code: 'commitment' });
      const { [name]: _, ...fewer } = manifest.commitments;
      expect(await resigned({ manifest: { ...manifest, commitments: fewer } })).toMatchObject({ code: 'commitment' });
    }
    const [output] = program.outputs;
    for (const [name, commitment] of [
      ['more', '0'.repeat(64)],
      // What a final output is the proof alone says.
      [output, honest.proven[1].statement.commitments[output]],
    ]) {
      const commitments = { ...manifest.commitments, [name]: commitment };
      expect(await resigned({ manifest: { ...manifest, commitments } }), name).toMatchObject({ code: 'commitment' });
    }
  });

  it('cannot change chunks or their work', async () => {
    const { manifest } = honest.order;
    const [first, second] = manifest.chunks;
    const with2 = (chunks: typeof manifest.chunks) => resigned({ manifest: { ...manifest, chunks } });
    expect(await with2([first])).toMatchObject({ verdict: 'rejected', code: 'missing-slice' });
    expect(await with2([second, first])).toMatchObject({ verdict: 'rejected', code: 'chunk-index' });
    expect(await with2([{ ...first, slices: [0] }, second])).toMatchObject({ verdict: 'rejected' });
    const more = { ...first, workUnits: first.workUnits * 2 };
    expect(await with2([more, second])).toMatchObject({ verdict: 'rejected', code: 'work-units' });
  });

  it('cannot put its own key in the place of the gateway that took the order', async () => {
    expect(await resigned({ sealedBy: thief })).toMatchObject({ verdict: 'rejected', code: 'gateway' });
  });
});

describe('provers in a certificate', () => {
  it('cannot be paid for the proof of another', async () => {
    const certificate = await certificateFrom(program, honest.order, honest.proven, { by: thief });
    expect(await judge({ certificate })).toMatchObject({ verdict: 'rejected', code: 'prover' });
  });

  it('cannot use proofs of another order', async () => {
    const other = smallOrder(program, { salt: word(77) });
    const proven = await proveAll(program, other);
    const certificate = await certificateFrom(program, honest.order, proven);
    expect(await judge({ certificate, proofs: proofsOf(proven) })).toMatchObject({
      verdict: 'rejected',
      code: 'nonce',
    });
  });

  it('cannot be paid above the curve, or lock beyond the deadline', async () => {
    const price = await certificateFrom(program, honest.order, honest.proven, { lock: { price: 10n ** 17n } });
    expect(await judge({ certificate: price })).toMatchObject({ verdict: 'rejected', code: 'price' });
    const late = await certificateFrom(program, honest.order, honest.proven, { lock: { deadline: 9_999 } });
    expect(await judge({ certificate: late })).toMatchObject({ verdict: 'rejected', code: 'deadline' });
  });

  it('cannot sign another price for a proof that validators have judged', async () => {
    const certificate = await certificateFrom(program, honest.order, honest.proven, { provenFor: { price: 0n } });
    expect(await judge({ certificate })).toMatchObject({ verdict: 'rejected', code: 'lock' });
  });
});

describe('validators in a certificate', () => {
  const says = async (votes: readonly boolean[], of: readonly JudgeStake[] = stakes, committeeSeats = 64) => {
    const certificate = await certificateFrom(program, honest.order, honest.proven, { says: votes });
    return judge({ certificate, electorate: { stakes: of, committeeSeats } });
  };

  it('have to reach the quorum where their stakes are known', async () => {
    expect(await says([true, true, true])).toMatchObject({ verdict: 'accepted' });
    expect(await says([true, true])).toMatchObject({ verdict: 'undecided', code: 'no-quorum' });
    expect(await says([true, true, false])).toMatchObject({ verdict: 'undecided', code: 'no-quorum' });
    const others = [{ operator: accountOf(90).address, stake: 1_000n }];
    expect(await says([true, true, true], others)).toMatchObject({ verdict: 'undecided', code: 'no-quorum' });
  });

  it('are judged by the committee that the order draws, where there are more than its seats', async () => {
    const small = { operator: accountOf(90).address, stake: 1n };
    const of = [...stakes, small];
    const judged = await says([true, true, true], of, 3);
    const drawn = honest.certificate.chunks.map(({ lock }) => committeeOf(lock.message, of, 3) as Map<string, bigint>);
    const seats = drawn.map((committee) => [...committee.values()].reduce((sum, held) => sum + held, 0n));
    expect(judged.chunks.map(({ quorum }) => quorum)).toMatchObject(seats.map((total) => ({ by: 'committee', total })));
    const all = await says([true, true, true], of, 4);
    expect(all.chunks.map(({ quorum }) => quorum)).toMatchObject(seats.map(() => ({ by: 'all', total: 301n })));
  });

  it('are not needed for the verdict on the proofs themselves', async () => {
    const certificate = await certificateFrom(program, honest.order, honest.proven, { says: [] });
    expect(await judge({ certificate, electorate: undefined })).toMatchObject({ verdict: 'accepted' });
  });

  it('count once', async () => {
    const { certificate } = honest;
    const [first, ...rest] = certificate.chunks;
    const twice = { ...first, verdicts: [...first.verdicts, first.verdicts[0]] };
    expect(await judge({ certificate: { ...certificate, chunks: [twice, ...rest] } })).toMatchObject({
      verdict: 'rejected',
      code: 'second-verdict',
    });
  });
});

describe('any input', () => {
  it('is answered, none throws', async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    const throwing = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
        ownKeys: () => {
          throw new Error('no');
        },
      },
    );
    const strange: unknown[] = [undefined, null, 1, 'x', [], {}, () => 1, Symbol('x'), cyclic, throwing, new Map()];
    for (const certificate of strange) {
      expect(await judge({ certificate })).toMatchObject({ verdict: 'rejected', code: 'malformed' });
    }
    for (const x of strange) {
      for (const field of ['values', 'proofs', 'keyBytes', 'fingerprint', 'inputs', 'validators', 'network'] as const) {
        const verdict = await judge({ [field]: x } as Partial<CertificateEvidence>);
        expect(['accepted', 'rejected', 'undecided'], field).toContain(verdict.verdict);
      }
    }
    expect(await verifyCertificate(undefined as never)).toMatchObject({ verdict: 'rejected' });
  });
});

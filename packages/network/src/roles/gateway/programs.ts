/** Programs that are published here, and the blobs they are made of. */

import { decodeKey, fingerprintOf, type VerifierKey } from '@dsperse/core/verify';
import type { Address } from 'viem';
import { type ProgramDocument, programSchema, toJson } from '../../messages/index.js';
import { json } from '../../store/index.js';
import { Refusal } from '../../transport/server/refusal.js';
import type { GatewayContext } from './gateway-context.js';

const REMEMBERED = 64;
/** Of each database; a program never changes and is never taken back. Least recently used first. */
const remembered = new WeakMap<GatewayContext['sql'], Map<string, ProgramDocument>>();

export async function findProgram(g: GatewayContext, fingerprint: string): Promise<ProgramDocument | undefined> {
  const known = remembered.get(g.sql) ?? new Map<string, ProgramDocument>();
  remembered.set(g.sql, known);
  const program = known.get(fingerprint) ?? (await readProgram(g, fingerprint));
  if (!program) return undefined;
  known.delete(fingerprint);
  known.set(fingerprint, program);
  for (const oldest of known.keys()) {
    if (known.size <= REMEMBERED) break;
    known.delete(oldest);
  }
  return program;
}

/** Keys live as long as their documents are remembered. */
const keys = new WeakMap<ProgramDocument, Promise<VerifierKey>>();

/** The verifier key of a program that findProgram gave, decoded once. @throws Refusal `missing-blobs` */
export function keyOfProgram(g: GatewayContext, program: ProgramDocument): Promise<VerifierKey> {
  const known = keys.get(program);
  if (known) return known;
  const decoded = g.blobs.get(program.key).then((bytes) => {
    if (bytes) return decodeKey(bytes);
    throw new Refusal(503, 'missing-blobs', 'the verifier key of the program is not here', 'publish it again');
  });
  keys.set(program, decoded);
  decoded.catch(() => keys.delete(program));
  return decoded;
}

async function readProgram(g: GatewayContext, fingerprint: string): Promise<ProgramDocument | undefined> {
  const [row] = await g.sql.query<{ document: unknown }>('select document from programs where fingerprint = $1', [
    fingerprint,
  ]);
  return row && programSchema.parse(row.document);
}

export async function listPrograms(g: GatewayContext): Promise<ProgramDocument[]> {
  const rows = await g.sql.query<{ document: unknown }>('select document from programs order by created_ms limit 1000');
  return rows.map((r) => programSchema.parse(r.document));
}

/** Takes a program whose blobs were uploaded before. Publishing it again changes nothing. */
export async function publishProgram(g: GatewayContext, publisher: Address, document: ProgramDocument): Promise<void> {
  const bad = (why: string) =>
    new Refusal(400, 'bad-program', `the program's document is wrong: ${why}`, 'compile again');
  document.slices.forEach((s, i) => {
    if (s.index !== i) throw bad(`slice ${i} is missing`);
  });
  const missing: string[] = [];
  for (const digest of [document.key, ...document.slices.map((s) => s.package)]) {
    if (!(await g.blobs.has(digest))) missing.push(digest);
  }
  if (missing.length > 0) {
    throw new Refusal(409, 'missing-blobs', `${missing.length} blobs of the program are not here`, `PUT ${missing[0]}`);
  }
  const key = await g.blobs.get(document.key, { maxBytes: g.settings.maxBlobBytes });
  if (!key || fingerprintOf(key) !== document.fingerprint) throw bad('its key has another fingerprint');
  // Validators take work and tensors from the key: an order of a document that says otherwise could never be settled.
  const { slices, outputs } = decodeKey(key);
  const isEqual = (a: readonly string[], b: readonly string[]) =>
    a.length === b.length && a.every((x, i) => x === b[i]);
  const isSame =
    slices.length === document.slices.length &&
    slices.every((s, i) => {
      const told = document.slices[i];
      return s.workUnits === told.workUnits && isEqual(s.inputs, told.inputs) && isEqual(s.outputs, told.outputs);
    }) &&
    isEqual(outputs, document.outputs);
  if (!isSame) throw bad('its slices or outputs are not those of its key');
  const packages = document.slices.map((s) => s.package);
  const isKnown = (await readProgram(g, document.fingerprint)) !== undefined;
  const fault = isKnown ? undefined : await g.checkPackages(document.key, packages);
  if (fault) throw bad(fault);
  await g.sql.execute(
    `insert into programs (fingerprint, document, publisher, created_ms) values ($1, $2, $3, $4)
     on conflict (fingerprint) do nothing`,
    [document.fingerprint, json(toJson(document)), publisher, g.nowMs()],
  );
  // Only what was uploaded: a digest that somebody names does not make private data public.
  await g.sql.execute(`update blobs set kind = 'program' where digest = any($1) and kind = 'uploaded'`, [
    [document.key, ...packages],
  ]);
}

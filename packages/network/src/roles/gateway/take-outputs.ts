/**
 * Public outputs that no chunk reads: the prover of the chunk that makes them is the first to know them, and sends them before
 * its receipt. What it signs commits to them: values that its statement does not commit to are refused here, so a validator
 * that is shown such ones knows that it was not the prover.
 */
import { deriveSalt, toHex } from '@dsperse/core/prove';
import { finalOutputs, publicCommitment } from '@dsperse/core/verify';
import type { Address, Hex } from 'viem';
import {
  type ChunkProof,
  decodeBundle,
  encodeBundle,
  joinBundles,
  mostBundleBytes,
  sealingContext,
  type TensorBundle,
} from '../../messages/index.js';
import { json, type Sql } from '../../store/index.js';
import { open, SEAL_OVERHEAD_BYTES } from '../../transport/seal/seal.js';
import { Refusal } from '../../transport/server/refusal.js';
import type { BodyStream } from '../../transport/server/route.js';
import { getPrivate, putSecret } from './gateway-blobs.js';
import type { GatewayContext } from './gateway-context.js';
import { type AttemptRow, loadAttempt, loadChunk, loadOrder, type OrderRow, type SentOutputs } from './order-rows.js';
import { findProgram, keyOfProgram } from './programs.js';

/** The chunk's prover under this attempt. @throws Refusal */
export async function heldAttempt(
  sql: Sql,
  order: Hex,
  index: number,
  attempt: number,
  prover: Address,
): Promise<AttemptRow> {
  const found = await loadAttempt(sql, order, index, attempt);
  if (!found || found.prover !== prover) {
    throw new Refusal(409, 'no-lock', 'you hold no lock on this chunk', 'GET /v1/work lists your locks');
  }
  return found;
}

/**
 * Of several that come before the receipt the last one counts; behind it none.
 * @param sealed to this gateway
 * @throws Refusal
 */
export async function takeOutputs(
  g: GatewayContext,
  prover: Address,
  { order: id, chunk: index, attempt }: { readonly order: Hex; readonly chunk: number; readonly attempt: number },
  sealed: BodyStream,
): Promise<void> {
  await g.requireRoom();
  const held = await heldAttempt(g.sql, id, index, attempt, prover);
  if (held.outcome !== undefined) {
    throw new Refusal(409, 'lock-ended', `this lock has ended: ${held.outcome}`, 'GET /v1/work lists your locks');
  }
  const order = await loadOrder(g.sql, id);
  if (!order) throw new Refusal(404, 'unknown-order', 'there is no such order', 'GET /v1/work lists your locks');
  const lengths = await outputLengths(g, order, index);
  if (lengths.size === 0) throw new Refusal(400, 'no-outputs', 'this chunk has no outputs to send', 'send its receipt');
  const bytes = await readAll(sealed, SEAL_OVERHEAD_BYTES + mostBundleBytes(lengths));
  const tensors = openOutputs(g, bytes, sealingContext.outputs(id, index, attempt, prover));
  const values = checkedValues(tensors, lengths);
  // A salt that nobody else knows: bytes of equal outputs, of another order or attempt, are others.
  const salt = toHex(deriveSalt(Buffer.from(order.secret, 'hex'), `outputs ${index} ${attempt}`));
  const bundle = new Map([...values].map(([name, integers]) => [name, { values: integers, salt }]));
  const outputs: SentOutputs = {
    digest: await putSecret(g, id, prover, encodeBundle(bundle)),
    commitments: Object.fromEntries([...values].map(([name, integers]) => [name, publicCommitment(integers)])),
  };
  await g.sql.execute(
    `update attempts set outputs = $4 where order_id = $1 and idx = $2 and attempt = $3 and delivery is null`,
    [id, index, attempt, json(outputs)],
  );
}

/** How many numbers each final output of a chunk has. @throws Refusal */
async function outputLengths(g: GatewayContext, order: OrderRow, index: number): Promise<Map<string, number>> {
  const [chunk, program] = await Promise.all([loadChunk(g.sql, order.id, index), findProgram(g, order.fingerprint)]);
  if (!chunk || !program) throw new Refusal(404, 'unknown-order', 'there is no such chunk', 'GET /v1/work');
  const names = finalOutputs(program, chunk.slices[0], chunk.slices.length);
  if (names.length === 0) return new Map();
  const { tensors } = await keyOfProgram(g, program);
  return new Map(names.map((name) => [name, (tensors.get(name)?.dims ?? []).reduce((n, d) => n * d, 1)]));
}

/** @throws Refusal `too-large` */
async function readAll({ chunks, length }: BodyStream, most: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new Refusal(413, 'too-large', `outputs of this chunk have at most ${most} bytes`, 'send these');
  if ((length ?? 0) > most) throw tooLarge();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of chunks) {
    bytes += piece.length;
    if (bytes > most) throw tooLarge();
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** @throws Refusal `not-sealed`, InputError `bad-bundle` */
function openOutputs(g: GatewayContext, sealed: Uint8Array, context: string): TensorBundle {
  let bytes: Uint8Array;
  try {
    bytes = open(g.identity.encryptionKey.secretKey, sealed, context);
  } catch {
    const hint = 'seal them to the key of GET /v1/node, for this attempt';
    throw new Refusal(400, 'not-sealed', 'the outputs are not sealed to this gateway', hint);
  }
  return decodeBundle(bytes);
}

/** @throws Refusal `bad-outputs` where they are not those of the chunk, whole */
function checkedValues(tensors: TensorBundle, lengths: ReadonlyMap<string, number>): Map<string, Int32Array> {
  const bad = (why: string) =>
    new Refusal(400, 'bad-outputs', why, 'send the outputs that the answer to the lock names');
  const values = new Map<string, Int32Array>();
  for (const [name, length] of lengths) {
    const given = tensors.get(name)?.values;
    if (given?.length !== length) throw bad(`${name} has ${given?.length ?? 0} numbers, expected ${length}`);
    values.set(name, given);
  }
  if (tensors.size !== lengths.size) throw bad('there are other tensors than the outputs of the chunk');
  return values;
}

/**
 * @param names of the chunk's final outputs
 * @throws Refusal where what came of them is not what the statement commits to
 */
export function requireOutputs(
  { order, index, attempt, outputs }: AttemptRow,
  { statement: { commitments } }: ChunkProof,
  names: readonly string[],
): void {
  if (names.length === 0) return;
  if (!outputs) {
    const hint = `PUT /v1/chunks/${order}/${index}/${attempt}/outputs/<digest>`;
    throw new Refusal(409, 'missing-blobs', 'the outputs of the chunk are not here', hint);
  }
  const other = names.find((name) => outputs.commitments[name] !== commitments[name]);
  if (other === undefined) return;
  const hint = 'send the values that were proven';
  throw new Refusal(400, 'bad-outputs', `the statement does not commit to the values that came of ${other}`, hint);
}

/**
 * The public values of an order with the final outputs of attempts at its chunks.
 * @param digest of the order's values; undefined where none of them are wanted
 * @param isWanted which tensors; all where nothing is said
 * @returns a tensor bundle
 */
export async function withOutputs(
  g: GatewayContext,
  digest: string | undefined,
  of: readonly AttemptRow[],
  isWanted?: (name: string) => boolean,
): Promise<Uint8Array> {
  const sent = of.flatMap(({ outputs }) => (outputs ? [outputs.digest] : []));
  const bundles = await Promise.all([...(digest === undefined ? [] : [digest]), ...sent].map((d) => getPrivate(g, d)));
  return bundles.length === 1 && !isWanted ? bundles[0] : joinBundles(bundles, isWanted);
}

/** Taking an order: everything that can be refused is refused before anything is reserved. */
import { randomBytes } from 'node:crypto';
import { InputError } from '@dsperse/core/verify';
import type { Address, Hex } from 'viem';
import { checkCurve, chunkPrice } from '../../market/index.js';
import {
  commitInput,
  decodeBundle,
  hashMessage,
  isSignedBy,
  type Order,
  type ProgramDocument,
  type SubmitDocument,
  sealingContext,
  toJson,
} from '../../messages/index.js';
import { json } from '../../store/index.js';
import { open } from '../../transport/seal/seal.js';
import { Refusal } from '../../transport/server/refusal.js';
import { actsFor } from './delegations.js';
import { tellOrder } from './event-log.js';
import { putSecret } from './gateway-blobs.js';
import type { GatewayContext } from './gateway-context.js';
import { loadOrder } from './order-rows.js';
import { chunksOf } from './plan-chunks.js';
import { findProgram, keyOfProgram } from './programs.js';

const MIN_SECONDS = 5;

/** @returns the order's id; of an order that is known already too */
export async function submitOrder(g: GatewayContext, sender: Address, document: SubmitDocument): Promise<Hex> {
  const { message: order } = document.order;
  if (order.requester !== sender || !isSignedBy(g.network, 'Order', document.order, order.requester)) {
    throw new Refusal(
      403,
      'bad-signature',
      'the order is not signed by its requester',
      'sign it with the requester’s key',
    );
  }
  if (!(await actsFor(g, order.gateway))) {
    throw new Refusal(403, 'other-gateway', `the order is for the gateway ${order.gateway}`, 'sign one for this one');
  }
  const id = hashMessage(g.network, 'Order', order);
  if (await loadOrder(g.sql, id)) return id;
  await g.requireRoom();
  await g.requireSettlement();
  const program = await findProgram(g, order.fingerprint.slice(2));
  if (!program) {
    throw new Refusal(404, 'unknown-program', 'no program with this fingerprint is published here', 'publish it first');
  }
  await checkTerms(g, order, program);
  const input = openInput(g, document);
  await checkInput(g, order, program, input);
  const activations = openActivations(g, document);
  const inputDigest = await putSecret(g, id, sender, input);
  const activationsDigest = activations && (await putSecret(g, id, sender, activations));
  const now = g.nowMs();
  await g.sql.transaction(async (tx) => {
    const added = await tx.execute(
      `insert into orders (id, requester, signed, reply_key, fingerprint, state, input_digest, activations_digest, secret,
         deadline, budget, created_ms)
       values ($1, $2, $3, $4, $5, 'received', $6, $7, $8, $9, $10, $11) on conflict (id) do nothing`,
      [
        id,
        order.requester,
        json(toJson(document.order)),
        document.replyKey,
        program.fingerprint,
        inputDigest,
        activationsDigest ?? null,
        randomBytes(32).toString('hex'),
        order.deadline,
        order.budget,
        now,
      ],
    );
    if (added > 0) await tellOrder(tx, 'accepted', id, now);
  });
  g.noteTaken();
  g.metrics.orders.inc({ state: 'received' });
  g.wake(id);
  return id;
}

async function checkTerms(g: GatewayContext, order: Order, program: ProgramDocument): Promise<void> {
  checkCurve(order);
  const now = Math.floor(g.nowMs() / 1000);
  if (order.deadline < now + MIN_SECONDS) {
    throw new Refusal(400, 'late', `the deadline is less than ${MIN_SECONDS} s away`, 'give the order more time');
  }
  const { orderSecondsMax } = await g.timing();
  if (order.deadline > now + orderSecondsMax) {
    throw new Refusal(
      400,
      'bad-deadline',
      `the deadline is more than ${orderSecondsMax} s away`,
      'give an earlier one',
    );
  }
  const chunks = await chunksOf(g, program);
  const least = chunks.reduce((sum, c) => sum + chunkPrice(order.priceMin, c.workUnits), 0n);
  if (order.budget < least) {
    throw new Refusal(400, 'small-budget', `even at the lowest price the order costs ${least}`, 'raise the budget');
  }
  const [open] = await g.sql.query<{ all: number; own: number }>(
    `select count(*)::int as all, (count(*) filter (where requester = $1))::int as own from orders
     where state in ('received', 'reserved', 'running')`,
    [order.requester],
  );
  if (open.all >= g.settings.maxOpenOrders || open.own >= g.settings.maxOpenOrdersPerRequester) {
    throw new Refusal(429, 'too-many-orders', 'too many orders are open', 'wait until some have ended', {
      retryAfterSeconds: 10,
    });
  }
  const [balance, { state }] = await Promise.all([
    g.ledger.balanceOf(order.requester),
    g.ledger.order(hashMessage(g.network, 'Order', order)),
  ]);
  if (state === 'none' && balance < order.budget) {
    throw new Refusal(
      402,
      'no-deposit',
      `${balance} of the deposit is free, the budget is ${order.budget}`,
      'deposit more',
    );
  }
}

function unseal(g: GatewayContext, sealed: string, context: string): Uint8Array {
  const key = g.identity.encryptionKey.secretKey;
  try {
    return open(key, new Uint8Array(Buffer.from(sealed, 'base64')), context);
  } catch {
    throw new Refusal(
      400,
      'not-sealed',
      'the input is not sealed to this gateway',
      'seal it to the key of GET /v1/node',
    );
  }
}

const openInput = (g: GatewayContext, document: SubmitDocument): Uint8Array =>
  unseal(g, document.input, sealingContext.input(document.order.message.inputCommitment));

function openActivations(g: GatewayContext, document: SubmitDocument): Uint8Array | undefined {
  if (document.activations === undefined) return undefined;
  const bytes = unseal(g, document.activations, sealingContext.activations(document.order.message.inputCommitment));
  decodeBundle(bytes);
  return bytes;
}

/** The input is the one that the order commits to, and fits the program. */
async function checkInput(g: GatewayContext, order: Order, program: ProgramDocument, bytes: Uint8Array): Promise<void> {
  const tensors = decodeBundle(bytes);
  const bad = (why: string) => new Refusal(400, 'bad-input', why, 'quantise the input for this program');
  const key = await keyOfProgram(g, program);
  const values = new Map<string, Int32Array>();
  let salt: string | undefined;
  for (const name of key.inputs) {
    const given = tensors.get(name);
    const tensor = key.tensors.get(name);
    if (!given?.values || !tensor) throw bad(`the input ${name} is missing`);
    const size = tensor.dims.reduce((n, d) => n * d, 1);
    if (given.values.length !== size) throw bad(`${name} has ${given.values.length} numbers, expected ${size}`);
    if (given.values.some((x) => x < tensor.lo || x > tensor.hi)) throw bad(`${name} is outside the program's range`);
    if (salt !== undefined && salt !== given.salt) throw bad('the salts differ');
    salt = given.salt;
    values.set(name, given.values);
  }
  if (salt === undefined || tensors.size !== values.size) throw bad('it has other tensors than the program');
  if (commitInput(new Uint8Array(Buffer.from(salt, 'hex')), values) !== order.inputCommitment) {
    throw new InputError('bad-input', 'the input is not the one that the order commits to', 'commit to it again');
  }
}

/** The gateway's HTTP interface (docs/network.md). */
import type { Address } from 'viem';
import { z } from 'zod';
import type { Digest } from '../../messages/canonical.js';
import {
  addressSchema,
  appealSchema,
  bytes32Schema,
  caseSchema,
  certificateSchema,
  commitsSchema,
  deliverySchema,
  digestSchema,
  dutiesSchema,
  endpointSchema,
  hex64Schema,
  lockAnswerSchema,
  nodeSchema,
  orderEventSchema,
  orderViewSchema,
  programSchema,
  quoteRequestSchema,
  quoteSchema,
  refusalSchema,
  releaseSchema,
  signedSchema,
  submitSchema,
  takenSchema,
  testimoniesSchema,
  verdictsSchema,
  weightRevealSchema,
  workSchema,
} from '../../messages/index.js';
import type { ServerEvent } from '../../transport/server/event-stream.js';
import { Refusal } from '../../transport/server/refusal.js';
import { eventRoute, jsonRoute, type Route, rawRoute, uploadRoute } from '../../transport/server/route.js';
import { epochDocumentSchema, epochSettlementSchema } from '../peer/epoch-document.js';
import { appealOf, takeAppeal } from './appeals.js';
import { takeClaim, takeTestimonies } from './claims.js';
import { type EventLog, toldTo, topicOf } from './event-log.js';
import { openBlob, requireStanding, takeBlob } from './gateway-blobs.js';
import type { GatewayContext } from './gateway-context.js';
import { putEndpoint, seeOperator } from './operators.js';
import { cancelOrder, certificateOf, ownOrder, quoteFor, valuesOf, viewOrder } from './order-answers.js';
import { attemptRow, chunkRow } from './order-rows.js';
import { findProgram, listPrograms, publishProgram } from './programs.js';
import type { EpochRunner } from './run-epochs.js';
import { submitOrder } from './submit-order.js';
import { takeOutputs } from './take-outputs.js';
import {
  caseOf,
  dutiesOf,
  requireJudge,
  requireValidator,
  takeCommits,
  takeVerdicts,
  valuesFor,
  withCase,
} from './take-verdicts.js';
import { takeWeightCommit, takeWeightReveal } from './take-weights.js';
import { boundaryFor, takeDelivery, takeLock, takeRelease } from './take-work.js';

const SEALED = 'application/octet-stream';
const EVENT_SECONDS = 15;
/** An order of anybody: a larger one is read for who has a deposit or stake. */
const ORDER_BYTES = 1 << 20;
/** Of an epoch's document: some hundreds of orders. */
const EPOCH_BYTES = 128 << 20;
const EPOCH_VALUES = 10_000_000;

const index = z.coerce.number().int().min(0).max(0xffffffff);
const orderParams = z.strictObject({ id: bytes32Schema });
const chunkParams = z.strictObject({ order: bytes32Schema, chunk: index });
const caseParams = z.strictObject({ order: bytes32Schema, chunk: index, attempt: index });
const outputsParams = caseParams.extend({ digest: digestSchema });
const epochParams = z.strictObject({ epoch: index });
const done = z.strictObject({});

/** The address that signed: routes that are signed have one. */
const by = (sender: Address | undefined): Address => (sender as Address).toLowerCase() as Address;

/** Where a stream starts: behind what the client saw, or behind what has happened until now. */
async function startOf(log: EventLog, lastEventId: string | undefined): Promise<number> {
  const seen = lastEventId === undefined ? Number.NaN : Number(lastEventId);
  return Number.isSafeInteger(seen) && seen >= 0 ? seen : log.last();
}

export function gatewayRoutes(
  g: GatewayContext,
  log: EventLog,
  epochs: EpochRunner,
  node: () => z.infer<typeof nodeSchema>,
): Route[] {
  return [
    ...publicRoutes(g, node),
    ...orderRoutes(g, log),
    ...proverRoutes(g, log),
    ...validatorRoutes(g, log, epochs),
  ];
}

function publicRoutes(g: GatewayContext, node: () => z.infer<typeof nodeSchema>): Route[] {
  return [
    jsonRoute({
      method: 'GET',
      path: '/v1/node',
      auth: 'open',
      summary: 'who this gateway is: its endpoint record, chain, contracts, clock and limits',
      response: nodeSchema,
      handle: node,
    }),
    jsonRoute({
      method: 'PUT',
      path: '/v1/endpoints/{address}',
      auth: 'signed',
      summary: 'announces an operator; the record with the highest sequence counts',
      params: z.strictObject({ address: addressSchema }),
      request: endpointSchema,
      response: done,
      handle: async ({ sender, params, body }) => {
        if (by(sender) !== params.address) throw new Refusal(403, 'not-yours', 'the record is of another operator', '');
        await putEndpoint(g, params.address, body);
        return {};
      },
    }),
    jsonRoute({
      method: 'GET',
      path: '/v1/programs',
      auth: 'open',
      summary: 'programs that can be ordered here',
      response: z.strictObject({ programs: z.array(programSchema) }),
      handle: async () => ({ programs: await listPrograms(g) }),
    }),
    jsonRoute({
      method: 'GET',
      path: '/v1/programs/{fingerprint}',
      auth: 'open',
      summary: 'one program',
      params: z.strictObject({ fingerprint: hex64Schema }),
      response: programSchema,
      handle: async ({ params }) => {
        const program = await findProgram(g, params.fingerprint);
        if (!program)
          throw new Refusal(404, 'unknown-program', 'no such program is published here', 'publish it first');
        return program;
      },
    }),
    jsonRoute({
      method: 'PUT',
      path: '/v1/programs/{fingerprint}',
      auth: 'signed',
      summary: 'publishes a program whose blobs are here',
      params: z.strictObject({ fingerprint: hex64Schema }),
      request: programSchema,
      response: done,
      limits: { handlerTimeoutMs: 600_000 },
      handle: async ({ sender, params, body }) => {
        if (body.fingerprint !== params.fingerprint) {
          throw new Refusal(400, 'bad-program', 'the document is of another program', 'correct the path');
        }
        await publishProgram(g, by(sender), body);
        return {};
      },
    }),
    uploadRoute({
      method: 'PUT',
      path: '/v1/blobs/{digest}',
      auth: 'signed',
      summary: 'keeps bytes under their digest',
      answers: 'upload',
      params: z.strictObject({ digest: digestSchema }),
      digestOf: ({ digest }) => digest as Digest,
      limits: { bodyBytes: g.settings.maxBlobBytes, bodyTimeoutMs: 600_000, handlerTimeoutMs: 600_000 },
      response: done,
      handle: async ({ sender, params, body }) => {
        await takeBlob(g, by(sender), params.digest, body.chunks, body.length);
        return {};
      },
    }),
    rawRoute({
      method: 'GET',
      path: '/v1/blobs/{digest}',
      auth: 'signed',
      summary: 'slice packages, verifier keys and proofs, by digest',
      params: z.strictObject({ digest: digestSchema }),
      contentType: SEALED,
      limits: { handlerTimeoutMs: 600_000 },
      answers: 'raw',
      handle: async ({ params }) => {
        const { body, bytes } = await openBlob(g, params.digest);
        return { body, length: bytes, cacheControl: 'private, immutable, max-age=31536000' };
      },
    }),
  ];
}

function orderRoutes(g: GatewayContext, log: EventLog): Route[] {
  return [
    jsonRoute({
      method: 'POST',
      path: '/v1/quotes',
      auth: 'signed',
      summary: 'what an order would cost, how long it would take, and the chance that it is filled',
      request: quoteRequestSchema,
      response: quoteSchema,
      handle: ({ body }) => quoteFor(g, body),
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/orders',
      auth: 'signed',
      summary: 'submits a signed order with its sealed input',
      admits: (sender, bytes) =>
        bytes !== undefined && bytes <= ORDER_BYTES ? undefined : requireStanding(g, by(sender)),
      request: submitSchema,
      response: z.strictObject({ id: bytes32Schema }),
      limits: { bodyBytes: g.settings.maxOrderBytes, bodyTimeoutMs: 300_000, cost: 2 },
      handle: async ({ sender, body }) => ({ id: await submitOrder(g, by(sender), body) }),
    }),
    jsonRoute({
      method: 'GET',
      path: '/v1/orders/{id}',
      auth: 'signed',
      summary: 'state, chunks and attempts of an order',
      params: orderParams,
      response: orderViewSchema,
      handle: async ({ sender, params }) => viewOrder(g, await ownOrder(g, by(sender), params.id)),
    }),
    eventRoute({
      method: 'GET',
      path: '/v1/orders/{id}/events',
      auth: 'signed',
      summary: 'every step of an order, from the first or from Last-Event-ID on',
      params: orderParams,
      answers: 'events',
      response: orderEventSchema,
      handle: async ({ sender, params, lastEventId, signal }) => {
        const order = await ownOrder(g, by(sender), params.id);
        return log.follow(topicOf.order(order.id), Number(lastEventId ?? 0) || 0, signal);
      },
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/orders/{id}/cancel',
      auth: 'signed',
      summary: 'no further work on the order',
      params: orderParams,
      request: signedSchema('Cancel'),
      response: orderViewSchema,
      handle: async ({ sender, params, body }) => {
        await cancelOrder(g, await ownOrder(g, by(sender), params.id), body);
        return viewOrder(g, await ownOrder(g, by(sender), params.id));
      },
    }),
    jsonRoute({
      method: 'GET',
      path: '/v1/orders/{id}/certificate',
      auth: 'signed',
      summary: 'what anyone needs, besides proofs and values, to judge the order',
      params: orderParams,
      response: certificateSchema,
      handle: async ({ sender, params }) => certificateOf(g, await ownOrder(g, by(sender), params.id)),
    }),
    rawRoute({
      method: 'GET',
      path: '/v1/orders/{id}/values',
      auth: 'signed',
      summary: 'public inputs and outputs, sealed to the reply key of the order',
      params: orderParams,
      contentType: SEALED,
      answers: 'raw',
      handle: async ({ sender, params }) => ({ body: await valuesOf(g, await ownOrder(g, by(sender), params.id)) }),
    }),
  ];
}

function proverRoutes(g: GatewayContext, log: EventLog): Route[] {
  return [
    eventRoute({
      method: 'GET',
      path: '/v1/work/events',
      auth: 'signed',
      summary: 'offers to a prover, and the end of what it holds',
      answers: 'events',
      handle: async ({ sender, lastEventId, signal }) => {
        const prover = by(sender);
        await seeOperator(g, prover, 'prover');
        return log.follow(topicOf.prover(prover), await startOf(log, lastEventId), keptSeen(g, prover, signal));
      },
    }),
    jsonRoute({
      method: 'GET',
      path: '/v1/work',
      auth: 'signed',
      summary: 'offers that stand and locks that are held',
      response: workSchema,
      handle: async ({ sender }) => {
        const prover = by(sender);
        await seeOperator(g, prover, 'prover');
        const chunks = await g.sql.query(`select * from chunks where offered_to = $1 and state = 'offered'`, [prover]);
        const attempts = await g.sql.query(
          'select * from attempts where prover = $1 and outcome is null and delivery is null',
          [prover],
        );
        return {
          offers: chunks.flatMap((c) => chunkRow(c).offer ?? []),
          locks: attempts.map((a) => attemptRow(a).lock),
        };
      },
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/chunks/{order}/{chunk}/lock',
      auth: 'signed',
      summary: 'takes an offered chunk',
      params: chunkParams,
      request: signedSchema('Lock'),
      response: lockAnswerSchema,
      handle: async ({ sender, params, body }) => {
        if (body.message.order !== params.order || body.message.chunk !== params.chunk) {
          throw new Refusal(400, 'bad-lock', 'the lock is about another chunk', 'correct the path');
        }
        return takeLock(g, by(sender), body);
      },
    }),
    rawRoute({
      method: 'GET',
      path: '/v1/chunks/{order}/{chunk}/boundary',
      auth: 'signed',
      summary: 'boundary values of a locked chunk, sealed to its prover',
      params: chunkParams,
      contentType: SEALED,
      answers: 'raw',
      handle: async ({ sender, params }) => ({ body: await boundaryFor(g, by(sender), params.order, params.chunk) }),
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/chunks/{order}/{chunk}/release',
      auth: 'signed',
      summary: 'gives an offer or a lock back',
      params: chunkParams,
      request: releaseSchema,
      response: done,
      handle: async ({ sender, params, body }) => {
        await takeRelease(g, by(sender), params.order, params.chunk, body);
        return {};
      },
    }),
    uploadRoute({
      method: 'PUT',
      path: '/v1/chunks/{order}/{chunk}/{attempt}/outputs/{digest}',
      auth: 'signed',
      summary: 'public outputs that no chunk reads, of the one that makes them, sealed to the gateway',
      answers: 'upload',
      params: outputsParams,
      digestOf: ({ digest }) => digest as Digest,
      limits: { bodyBytes: g.settings.maxBlobBytes, bodyTimeoutMs: 600_000, handlerTimeoutMs: 600_000 },
      response: done,
      handle: async ({ sender, params, body }) => {
        await takeOutputs(g, by(sender), params, body);
        return {};
      },
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/chunks/{order}/{chunk}/receipt',
      auth: 'signed',
      summary: 'delivers the proof of a chunk',
      params: chunkParams,
      request: deliverySchema,
      response: signedSchema('Acknowledgement'),
      handle: ({ sender, params, body }) => takeDelivery(g, by(sender), params.order, params.chunk, body),
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/appeals',
      auth: 'signed',
      summary: 'a proof that no gateway of its order acknowledges, for validators to see',
      request: appealSchema,
      response: done,
      handle: async ({ sender, body }) => {
        await takeAppeal(g, by(sender), body);
        return {};
      },
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/claims',
      auth: 'signed',
      summary: 'an accepted chunk of an order that its own gateway settles in no epoch',
      request: appealSchema,
      response: done,
      handle: async ({ sender, body }) => {
        await takeClaim(g, by(sender), body);
        return {};
      },
    }),
  ];
}

function validatorRoutes(g: GatewayContext, log: EventLog, epochs: EpochRunner): Route[] {
  const validator = async (sender: Address | undefined): Promise<Address> => {
    await requireValidator(g, by(sender));
    return by(sender);
  };
  const judge = async (sender: Address | undefined): Promise<Address> => {
    await requireJudge(g, by(sender));
    return by(sender);
  };
  // Before their bodies are read.
  const admits = (sender: Address) => requireValidator(g, by(sender));
  const admitsJudges = async (sender: Address) => void (await requireJudge(g, by(sender)));
  return [
    eventRoute({
      method: 'GET',
      path: '/v1/duties/events',
      auth: 'signed',
      summary: 'proofs to verify, verdicts to reveal, epochs to sign',
      answers: 'events',
      handle: async ({ sender, lastEventId, signal }) => {
        const isActive = await requireJudge(g, by(sender));
        const address = by(sender);
        const seen = keptSeen(g, address, signal);
        // Without stake it has no part in epochs and weights.
        const isTold = (kind: string) => isActive || kind === 'verify' || kind === 'reveal';
        const told = async (e: ServerEvent) => {
          const event = isTold(e.event) ? await toldTo(g, address, e) : undefined;
          return event?.event === 'verify' ? withCase(g, event) : event;
        };
        return log.follow(topicOf.validators, await startOf(log, lastEventId), seen, told);
      },
    }),
    jsonRoute({
      method: 'GET',
      path: '/v1/duties',
      auth: 'signed',
      summary: 'what a validator has still to do',
      response: dutiesSchema,
      handle: async ({ sender }) => {
        const isActive = await requireJudge(g, by(sender));
        const duties = await dutiesOf(g, by(sender), isActive);
        return { duties: [...duties, ...(isActive ? epochs.adoption.duties() : [])] };
      },
    }),
    jsonRoute({
      method: 'GET',
      path: '/v1/chunks/{order}/{chunk}/{attempt}',
      auth: 'signed',
      summary: 'all that a verdict on a delivered chunk rests on, besides proofs and values',
      params: caseParams,
      response: caseSchema,
      handle: async ({ sender, params }) => {
        await judge(sender);
        return caseOf(g, params.order, params.chunk, params.attempt);
      },
    }),
    jsonRoute({
      method: 'GET',
      path: '/v1/appeals/{order}/{chunk}/{attempt}',
      auth: 'signed',
      summary: 'what a prover shows of a lock that seems missed',
      params: caseParams,
      response: appealSchema,
      handle: async ({ sender, params }) => {
        await validator(sender);
        return appealOf(g, params.order, params.chunk, params.attempt);
      },
    }),
    rawRoute({
      method: 'GET',
      path: '/v1/chunks/{order}/{chunk}/{attempt}/values',
      auth: 'signed',
      summary: 'public inputs of the order and public outputs of the chunk, sealed to the validator',
      params: caseParams,
      contentType: SEALED,
      answers: 'raw',
      handle: async ({ sender, params }) => ({ body: await valuesFor(g, await judge(sender), params) }),
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/commits',
      auth: 'signed',
      summary: 'commitments to verdicts',
      admits: admitsJudges,
      request: commitsSchema,
      response: done,
      handle: async ({ sender, body }) => {
        await takeCommits(g, await judge(sender), body.commits);
        return {};
      },
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/verdicts',
      auth: 'signed',
      summary: 'verdicts that open commitments',
      admits: admitsJudges,
      request: verdictsSchema,
      response: takenSchema,
      handle: async ({ sender, body }) => takeVerdicts(g, await judge(sender), body.verdicts),
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/testimonies',
      auth: 'signed',
      summary: 'verdicts that were given to another gateway, which settles the order in no epoch',
      admits: admitsJudges,
      request: testimoniesSchema,
      response: done,
      handle: async ({ sender, body }) => {
        await takeTestimonies(g, await judge(sender), body);
        return {};
      },
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/weights/commits',
      auth: 'signed',
      summary: 'a commitment to weights of provers, for the epoch that was settled last',
      admits,
      request: signedSchema('WeightCommit'),
      response: done,
      handle: async ({ sender, body }) => {
        await takeWeightCommit(g, await validator(sender), body);
        return {};
      },
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/weights/reveals',
      auth: 'signed',
      summary: 'weights that open a commitment in the trace of the epoch that was settled last',
      admits,
      request: weightRevealSchema,
      response: done,
      handle: async ({ sender, body }) => {
        await takeWeightReveal(g, await validator(sender), body);
        return {};
      },
    }),
    jsonRoute({
      method: 'GET',
      path: '/v1/epochs/{epoch}',
      auth: 'signed',
      summary: 'the trace of an epoch and the state that it is settled upon',
      params: epochParams,
      response: epochDocumentSchema,
      handle: async ({ sender, params }) => {
        await validator(sender);
        return epochs.document(params.epoch);
      },
    }),
    jsonRoute({
      method: 'PUT',
      path: '/v1/epochs/{epoch}',
      auth: 'signed',
      summary: 'an epoch that a validator signed, where this gateway does not have it',
      admits,
      params: epochParams,
      request: epochDocumentSchema,
      response: done,
      limits: { bodyBytes: EPOCH_BYTES, bodyTimeoutMs: 300_000, handlerTimeoutMs: 300_000, jsonValues: EPOCH_VALUES },
      handle: async ({ sender, params, body }) => {
        if (body.epoch !== params.epoch)
          throw new Refusal(400, 'wrong-epoch', 'it is another epoch', 'correct the path');
        await epochs.adoption.offer(await validator(sender), body);
        return {};
      },
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/epochs/{epoch}/signatures',
      auth: 'signed',
      summary: 'a validator’s signature on the root of an epoch',
      params: epochParams,
      request: signedSchema('EpochRoot'),
      response: done,
      handle: async ({ sender, params, body }) => {
        await epochs.takeSignature(await validator(sender), params.epoch, body);
        return {};
      },
    }),
    jsonRoute({
      method: 'POST',
      path: '/v1/epochs/{epoch}/refusals',
      auth: 'signed',
      summary: 'orders for which a validator does not sign the epoch',
      admits,
      params: epochParams,
      request: refusalSchema,
      response: done,
      handle: async ({ sender, params, body }) => {
        await epochs.takeRefusal(await validator(sender), params.epoch, body);
        return {};
      },
    }),
    jsonRoute({
      method: 'GET',
      path: '/v1/epochs/{epoch}/leaves',
      auth: 'open',
      summary: 'the settlement of an epoch: leaves for claims, penalties with their reasons',
      params: epochParams,
      response: epochSettlementSchema,
      handle: ({ params }) => epochs.settlement(params.epoch),
    }),
  ];
}

/** While an operator's stream is open, it counts as heard of. */
function keptSeen(g: GatewayContext, address: Address, signal: AbortSignal): AbortSignal {
  const timer = setInterval(
    () => {
      g.sql.execute('update operators set seen_ms = $2 where address = $1', [address, g.nowMs()]).catch(() => {});
    },
    (EVENT_SECONDS * 1000) / 3,
  );
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  return signal;
}

/** A gateway in memory, behind `fetch`: honest but for what a test makes it say. */
import type { SliceStatement } from '@dsperse/core/verify';
import {
  type Certificate,
  decodeBundle,
  digestOfBytes,
  encodeBundle,
  type Order,
  type OrderState,
  ROLE,
  type SubmitDocument,
  sealingContext,
  signMessage,
  submitSchema,
  type TensorBundle,
  toJson,
} from '@dsperse/network/messages';
import { open, seal, sealingKeys } from '@dsperse/network/transport';
import { bytesToHex, type Hex, hexToBytes } from 'viem';
import {
  gateway,
  network,
  requester,
  type SmallOrder,
  type SmallProgram,
  smallOrder,
  word,
} from '../network/small-order.js';
import { certificateFrom, type Proven, proofsOf, proveAll } from './small-certificate.js';

interface Taken {
  readonly order: SmallOrder;
  readonly submitted: SubmitDocument;
  readonly input: TensorBundle;
  readonly certificate: Certificate;
  readonly proofs: ReadonlyMap<string, Uint8Array>;
}

/** What it says in place of the truth. */
export interface Lies {
  certificate?: (honest: Certificate) => unknown;
  values?: (honest: TensorBundle) => TensorBundle;
  proof?: (honest: Uint8Array) => Uint8Array | undefined;
  /** Of the event that tells of a proof. */
  statement?: (honest: SliceStatement) => unknown;
  key?: (honest: Uint8Array) => Uint8Array;
  state?: OrderState;
  id?: Hex;
}

const keys = sealingKeys();
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));

export class LyingGateway {
  lies: Lies = {};
  readonly taken = new Map<Hex, Taken>();
  readonly requests: string[] = [];
  #proven = new Map<Hex, Proven[]>();

  constructor(private readonly program: SmallProgram) {}

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const { pathname: path } = new URL(url);
    const method = init.method ?? 'GET';
    this.requests.push(`${method} ${path}`);
    const body = init.body as Uint8Array<ArrayBuffer> | undefined;
    const answer = await this.#answer(method, path, body);
    if (answer instanceof Response) return answer;
    if (answer instanceof Uint8Array) return new Response(answer as Uint8Array<ArrayBuffer>);
    if (answer === undefined) {
      return Response.json({ error: { code: 'unknown', message: 'not here', hint: '' } }, { status: 404 });
    }
    return Response.json(toJson(answer));
  };

  async #answer(method: string, path: string, body?: Uint8Array): Promise<unknown> {
    const { program } = this;
    if (path === '/v1/node') return this.#node();
    if (path === `/v1/programs/${program.fingerprint}`) return this.#document();
    if (method === 'POST' && path === '/v1/orders') {
      return { id: await this.#take(submitSchema.parse(JSON.parse(new TextDecoder().decode(body)))) };
    }
    if (path.startsWith('/v1/blobs/')) return this.#blob(path.slice('/v1/blobs/'.length));
    const [, , , id, what] = path.split('/');
    const taken = this.taken.get(id as Hex);
    if (!taken) return undefined;
    if (what === 'certificate') return this.lies.certificate?.(taken.certificate) ?? taken.certificate;
    if (what === 'values') return this.#values(taken);
    if (what === 'events') return this.#events(id as Hex);
    return this.#view(taken);
  }

  async #node() {
    const now = Math.floor(Date.now() / 1000);
    const endpoint = await signMessage(gateway, network, 'Endpoint', {
      operator: gateway.address.toLowerCase() as Hex,
      roles: ROLE.gateway,
      url: '',
      encryptionKey: bytesToHex(keys.publicKey),
      capability: word(2),
      sequence: 1,
      issuedAt: now,
      expiresAt: now + 3600,
    });
    const contracts = { market: network.market, settlement: network.settlement };
    return {
      endpoint,
      chainId: network.chainId,
      contracts,
      clockMs: Date.now(),
      limits: { blobBytes: 1, bodyBytes: 1 },
    };
  }

  #document() {
    const { fingerprint, key, slices, outputs } = this.program;
    return {
      format: 'dsperse-network-program/1',
      name: 'small',
      fingerprint,
      protocolVersion: 1,
      key: digestOfBytes(key),
      keyBytes: key.length,
      inputs: ['x'],
      outputs,
      slices: slices.map((s) => ({
        index: s.index,
        package: `sha256:${'0'.repeat(64)}`,
        packageBytes: 1,
        workUnits: s.workUnits,
        inputs: s.inputs,
        outputs: s.outputs,
      })),
    };
  }

  async #take(submitted: SubmitDocument): Promise<Hex> {
    const { message } = submitted.order;
    const input = decodeBundle(
      open(keys.secretKey, bytesOf(submitted.input), sealingContext.input(message.inputCommitment)),
    );
    const order = smallOrder(this.program, message as Order);
    const proven = this.#proven.get(order.id) ?? (await proveAll(this.program, order));
    this.#proven.set(order.id, proven);
    const certificate = await certificateFrom(this.program, order, proven);
    this.taken.set(order.id, { order, submitted, input, certificate, proofs: proofsOf(proven) });
    return this.lies.id ?? order.id;
  }

  takenOf(id: Hex): Taken {
    const found = this.taken.get(id);
    if (!found) throw new Error(`no order ${id} was taken`);
    return found;
  }

  /** Boundary tensors that the requester sent. */
  activationsOf(id: Hex): TensorBundle {
    const { activations, order } = this.takenOf(id).submitted;
    const context = sealingContext.activations(order.message.inputCommitment);
    return decodeBundle(open(keys.secretKey, bytesOf(activations ?? ''), context));
  }

  #blob(digest: string): Uint8Array | undefined {
    const { key } = this.program;
    if (digest === digestOfBytes(key)) return this.lies.key?.(key) ?? key;
    for (const { proofs } of this.taken.values()) {
      const proof = proofs.get(digest);
      if (proof) return this.lies.proof ? this.lies.proof(proof) : proof;
    }
    return undefined;
  }

  #values({ order, submitted, input }: Taken): Uint8Array {
    const honest = new Map([...order.values, ...input]);
    const bytes = encodeBundle(this.lies.values?.(honest) ?? honest);
    const context = sealingContext.values(order.id, requester.address.toLowerCase() as Hex);
    return seal(hexToBytes(submitted.replyKey), bytes, context);
  }

  #view({ order }: Taken) {
    const state = this.lies.state ?? 'delivered';
    const ended = state === 'delivered' || state === 'settled';
    return {
      id: order.id,
      state,
      ...(ended ? {} : { reason: 'as the test wants it' }),
      fingerprint: order.order.fingerprint,
      deadline: order.order.deadline,
      budget: order.order.budget,
      spent: 5n,
      chunks: order.manifest.chunks.map((c) => ({
        ...c,
        state: ended ? 'accepted' : 'waiting',
        attempts: [],
      })),
    };
  }

  #events(order: Hex): Response {
    const proven = this.takenOf(order).certificate.chunks.map(({ delivery: { proof: p } }) => {
      return { kind: 'proven', proof: p.proof, statement: this.lies.statement?.(p.statement) ?? p.statement };
    });
    const kinds = (...all: string[]) => all.map((kind) => ({ kind }));
    const steps = [...kinds('accepted', 'reserved'), ...proven, ...kinds('delivered', 'settled')];
    const events = steps.map((step, i) => {
      return `id: ${i + 1}\nevent: ${step.kind}\ndata: ${JSON.stringify({ ...step, order, atMs: i })}\n\n`;
    });
    return new Response(events.join(''), { headers: { 'content-type': 'text/event-stream' } });
  }
}

/** Blobs and programs of a gateway. What is asked for by digest is compared with it. */
import { fingerprintOf } from '@dsperse/core/verify';
import { digestOfBytes, nodeSchema, type ProgramDocument, programSchema, toJson } from '@dsperse/network/messages';
import { type NodeClient, TransportError } from '@dsperse/network/transport';

const done = nodeSchema.pick({});
const BLOB_TIMEOUT_MS = 600_000;
/** Largest key that is fetched. */
const MAX_KEY_BYTES = 2 ** 28;

/** @throws TransportError, `bad-response` where the bytes are others */
export async function fetchBlob(
  http: NodeClient,
  digest: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const bytes = await http.getBytes(`/v1/blobs/${digest}`, maxBytes, { signal, timeoutMs: BLOB_TIMEOUT_MS });
  if (digestOfBytes(bytes) !== digest) {
    throw new TransportError('bad-response', `the gateway has other bytes under ${digest}`, {
      retryable: false,
      hint: 'take another gateway',
    });
  }
  return bytes;
}

/** undefined where the gateway does not have it */
export async function findProgram(http: NodeClient, fingerprint: string): Promise<ProgramDocument | undefined> {
  try {
    return await http.get(`/v1/programs/${fingerprint}`, programSchema);
  } catch (error) {
    if (error instanceof TransportError && error.status === 404) return undefined;
    throw error;
  }
}

/** The verifier key of a program, shown to be that of its fingerprint. */
export async function fetchKey(
  http: NodeClient,
  program: ProgramDocument,
  fingerprint: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const key = await fetchBlob(http, program.key, Math.min(program.keyBytes, MAX_KEY_BYTES), signal);
  if (fingerprintOf(key) === fingerprint) return key;
  throw new TransportError('bad-response', 'the key that the gateway has is of another program', {
    retryable: false,
    hint: 'take another gateway',
  });
}

export interface PublishableProgram {
  readonly document: ProgramDocument;
  /** The key and the slice packages by digest, or how to read them. */
  readonly blobs: ReadonlyMap<string, Uint8Array | (() => Uint8Array | Promise<Uint8Array>)>;
}

/**
 * Publishes a program where the gateway does not have it; what is there is not sent again.
 * @param onBlob how many of the blobs are there
 * @returns whether anything was sent
 */
export async function publishProgram(
  http: NodeClient,
  program: PublishableProgram,
  onBlob: (done: number, all: number) => void = () => undefined,
): Promise<boolean> {
  const { document, blobs } = program;
  if (await findProgram(http, document.fingerprint)) return false;
  let sent = 0;
  onBlob(sent, blobs.size);
  for (const [digest, blob] of blobs) {
    const bytes = blob instanceof Uint8Array ? blob : await blob();
    await http.putBytes(`/v1/blobs/${digest}`, bytes, {
      digest: digestOfBytes(bytes),
      timeoutMs: BLOB_TIMEOUT_MS,
    });
    onBlob(++sent, blobs.size);
  }
  await http.put(`/v1/programs/${document.fingerprint}`, toJson(document), done);
  return true;
}

/** The thread that verifies, so that the node answers meanwhile. Decoded keys are kept for the next case. */
import { parentPort, workerData } from 'node:worker_threads';
import { useLibsecp256k1 } from '../../node/libsecp256k1.js';
import { checkAppeal } from './check-appeal.js';
import { type CaseOutcome, type CaseRequest, checkCase, openCaseKey } from './check-case.js';
import type { VerifyAnswer, VerifyAppealRequest, VerifyOptions, VerifyRequest } from './verify-pool.js';

const port = parentPort;
if (!port) throw new Error('this file is a worker');
const { preset } = workerData as VerifyOptions;
useLibsecp256k1();

const KEYS = 4;
/** Least recently used first. */
const keys = new Map<string, CaseRequest['key']>();

function keyOf(fingerprint: string, bytes: Uint8Array | undefined): CaseRequest['key'] {
  const key = keys.get(fingerprint) ?? (bytes && openCaseKey(bytes, preset));
  if (!key) return undefined;
  keys.delete(fingerprint);
  keys.set(fingerprint, key);
  for (const oldest of keys.keys()) {
    if (keys.size <= KEYS) break;
    keys.delete(oldest);
  }
  return key;
}

port.on('message', async ({ keyBytes, ...request }: VerifyRequest | VerifyAppealRequest) => {
  const began = performance.now();
  let outcome: CaseOutcome;
  try {
    outcome =
      'appeal' in request
        ? checkAppeal({ ...request, key: keyOf(request.appeal.delivery.proof.statement.fingerprint, keyBytes) })
        : await checkCase({ ...request, key: keyOf(request.document.manifest.fingerprint, keyBytes) });
  } catch (error) {
    outcome = { abstain: 'internal', path: error instanceof Error ? error.message : String(error) };
  }
  port.postMessage({ outcome, seconds: (performance.now() - began) / 1000 } satisfies VerifyAnswer);
});

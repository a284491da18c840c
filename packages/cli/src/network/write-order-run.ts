/** The result of an order as a run directory, which `dsperse verify` reads, with the certificate beside it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toJson } from '@dsperse/network/messages';
import type { OrderResult } from '@dsperse/sdk';
import { jsonText } from '../artifacts/manifest.js';
import { finishRun, writeSliceProof } from '../artifacts/run-directory.js';
import { writeWholeDirectory } from '../artifacts/write-whole.js';

export const CERTIFICATE_FILE = 'certificate.json';
const MAX_PROVER = 256;

/** Only of a result that was accepted. A run that is there is replaced. */
export async function writeOrderRun(path: string, result: OrderResult): Promise<void> {
  const { certified, certificate, keyBytes, values } = result;
  if (!certified || !keyBytes || !values) return;
  const { slices } = certified;
  const provers = [...new Set(slices.map((s) => s.statement.prover))];
  await writeWholeDirectory(path, async (directory) => {
    for (const slice of slices) await writeSliceProof(directory, slice);
    await writeFile(join(directory, CERTIFICATE_FILE), jsonText(toJson(certificate)));
    const manifest = {
      fingerprint: result.fingerprint,
      nonce: result.id.slice(2),
      prover: provers.join(', ').slice(0, MAX_PROVER),
      sliceCount: slices.length,
      // How long provers took is theirs to know.
      slices: slices.map((s) => ({ index: s.statement.index, proveMs: 0, proofBytes: s.proof.length })),
    };
    await finishRun(directory, manifest, keyBytes, values);
  });
}

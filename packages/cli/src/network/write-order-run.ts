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
  const proofs = certified.slices.flatMap((s) => s ?? []);
  const provers = [...new Set(proofs.map((s) => s.statement.prover))];
  await writeWholeDirectory(path, async (directory) => {
    for (const slice of proofs) await writeSliceProof(directory, slice);
    await writeFile(join(directory, CERTIFICATE_FILE), jsonText(toJson(certificate)));
    const manifest = {
      fingerprint: result.fingerprint,
      nonce: result.id.slice(2),
      prover: provers.join(', ').slice(0, MAX_PROVER),
      sliceCount: certified.slices.length,
      // How long provers took is theirs to know.
      slices: proofs.map(({ statement: { index, count }, proof }) => {
        return { index, ...(count === undefined ? {} : { count }), proveMs: 0, proofBytes: proof.length };
      }),
    };
    await finishRun(directory, manifest, keyBytes, values);
  });
}

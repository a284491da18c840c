/** The attacks of provers as a module that a process of plain Node can load. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import type { TestProgram } from './published-program.js';

/** The victim whose name is written over when a proof is stolen. */
export const VICTIM = '0x00000000000000000000000000000000000000aa';

export type Attack =
  | 'honest'
  | 'wrong-proof'
  | 'no-proof'
  | 'stolen-proof'
  | 'other-order'
  | 'undisguised-other-order'
  | 'fewer-slices'
  | 'undisguised-fewer-slices'
  | 'swapped-boundary'
  | 'disguised-boundary'
  | 'wrong-model'
  | 'wrong-outputs'
  | 'other-outputs'
  | 'vanish';

/**
 * @param otherModel another one of the same structure
 * @returns the URL of the module
 */
export async function writeAttacks(directory: string, otherModel: TestProgram): Promise<string> {
  const source = fileURLToPath(new URL('../dishonest-provers.ts', import.meta.url));
  const { outputText } = ts.transpileModule(await readFile(source, 'utf8'), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  const slices = await Promise.all(
    otherModel.document.slices.map(async ({ index, package: digest }) => {
      const path = join(directory, `other-${index}.slice`);
      await writeFile(path, otherModel.packages[index]);
      return { index, digest, path };
    }),
  );
  const names = `
export const attacks = {
  'wrong-proof': wrongProof,
  'no-proof': noProof,
  'stolen-proof': (honest) => stolenProof(honest, '${VICTIM}'),
  'other-order': (honest) => replayedProof(honest),
  'undisguised-other-order': (honest) => (job, signal) => honest({ ...job, nonce: 'ab'.repeat(32) }, signal),
  'fewer-slices': (honest) => fewerSlices(honest, NAMES),
  'undisguised-fewer-slices': (honest) => undisguisedFewerSlices(honest, NAMES),
  'swapped-boundary': swappedBoundary,
  'disguised-boundary': disguisedBoundary,
  'wrong-model': wrongModel,
  'wrong-outputs': wrongOutputs,
  'other-outputs': otherOutputs,
  vanish: vanishing,
};
const NAMES = ${JSON.stringify(otherModel.document.slices.flatMap((s) => s.outputs))};
const OTHER = ${JSON.stringify({ fingerprint: otherModel.fingerprint, slices, key: Buffer.from(otherModel.key).toString('base64') })};
function wrongModel(honest) {
  return async (job, signal) => {
    const slices = job.slices.map(({ index }) => OTHER.slices[index]);
    const key = new Uint8Array(Buffer.from(OTHER.key, 'base64'));
    const { statement, proof } = await honest({ ...job, fingerprint: OTHER.fingerprint, slices, key }, signal);
    return { statement: { ...statement, fingerprint: job.fingerprint }, proof };
  };
}
`;
  const path = join(directory, 'attacks.mjs');
  await writeFile(path, outputText + names);
  return pathToFileURL(path).href;
}

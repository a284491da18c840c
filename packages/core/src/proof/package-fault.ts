/** Whether a slice package is of the program that it says. */
import { Encoder, sameBytes } from '../base/codec.js';
import { encodeRelation } from '../relation/codec.js';
import type { Relation } from '../relation/relation.js';
import type { SlicePackage } from './slice-package.js';
import { boundaryMode, encodeTensor, type VerifierKey } from './verifier-key.js';

const relationBytes = (r: Relation): Uint8Array => {
  const e = new Encoder();
  encodeRelation(e, r, false);
  return e.done();
};

/**
 * What of a package differs from the verifier key: a prover that takes it would prove something else. Whether its constants have
 * the root that it states shows when they are committed (`prepareSlice`).
 * @param fingerprint of the key
 * @returns undefined where nothing differs
 */
export function packageFault(key: VerifierKey, fingerprint: string, p: SlicePackage): string | undefined {
  const slice = key.slices[p.index];
  if (p.fingerprint !== fingerprint) return 'fingerprint';
  if (!slice) return 'index';
  if (p.preset.name !== key.preset.name || p.preset.programLogRow !== key.preset.programLogRow) return 'preset';
  const none = new Uint8Array(0);
  if (!sameBytes(p.constantsRoot ?? none, slice.constantsRoot ?? none)) return 'root of the constants';
  const names = [...p.inputs, ...p.outputs];
  const isSame = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((x, i) => x === b[i]);
  if (!isSame(p.inputs, slice.inputs) || !isSame(p.outputs, slice.outputs)) return 'boundary';
  if (!sameBytes(relationBytes(p.relation), relationBytes(slice.relation))) return 'relation';
  if (p.workUnits !== slice.workUnits) return 'work';
  const differs = names.find((name, i) => {
    const [ours, theirs] = [p.tensors.get(name), key.tensors.get(name)];
    if (!ours || !theirs || p.modes[i] !== boundaryMode(name, key)) return true;
    const [a, b] = [ours, theirs].map((t) => {
      const e = new Encoder();
      encodeTensor(e, t);
      return e.done();
    });
    return !sameBytes(a, b);
  });
  return differs === undefined ? undefined : `tensor ${differs}`;
}

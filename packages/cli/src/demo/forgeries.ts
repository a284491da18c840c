/** What a dishonest prover might try with a run, and what the verifier says to it. */
import { type RunProof, type SliceProof, verifyRun } from '@dsperse/core/verify';
import { argmax } from '../proving/tensor-document.js';

export interface Forgery {
  readonly what: string;
  readonly verdict: string;
  readonly code: string;
  readonly path: string;
}

export interface HonestRun {
  readonly key: Uint8Array;
  readonly fingerprint: string;
  readonly inputs: ReadonlyMap<string, Int32Array>;
  readonly run: RunProof;
  /** Name of the public output to forge. */
  readonly output: string;
  /** Of slices in the middle, honestly proven for another session, and for another picture in this session. */
  readonly otherSession: SliceProof;
  readonly otherPicture: SliceProof;
}

/** Every forgery, tried on the verifier. */
export function tryForgeries(honest: HonestRun): Forgery[] {
  const { key, fingerprint, inputs, run } = honest;
  const forged = FORGERIES.map(([what, forge]): Forgery => {
    const { verdict, code = '', path = '' } = verifyRun(key, forge(honest), { fingerprint, inputs });
    return { what: what(honest), verdict, code, path };
  });
  return [...forged, otherModel(key, run)];
}

const withSlice = (run: RunProof, index: number, slice: SliceProof): RunProof => ({
  ...run,
  slices: run.slices.map((s, i) => (i === index ? slice : s)),
});

/** `slice 2`, or `slices 2-3`. */
const slicesOf = ({ statement: { index, count = 1 } }: SliceProof): string =>
  count === 1 ? `slice ${index}` : `slices ${index}-${index + count - 1}`;

/** The index at which the second proof of a run stands. */
export const secondProof = (slices: RunProof['slices']): number => slices.findIndex((s, i) => i > 0 && s !== undefined);

const FORGERIES: readonly (readonly [(h: HonestRun) => string, (h: HonestRun) => RunProof])[] = [
  [() => 'the output says another digit', raiseAnotherOutput],
  [() => 'one bit of a proof is flipped', flipOneBit],
  [() => 'two proofs are swapped', swapTwo],
  [
    (h) => `the proof of ${slicesOf(h.otherSession)} comes from another session`,
    ({ run, otherSession }) => withSlice(run, otherSession.statement.index, otherSession),
  ],
  [
    () => '… and its statement is relabelled for this one',
    ({ run, otherSession: { statement, proof } }) =>
      withSlice(run, statement.index, { statement: { ...statement, nonce: run.nonce }, proof }),
  ],
  [
    (h) => `${slicesOf(h.otherPicture)} is proven, but of another picture`,
    ({ run, otherPicture }) => withSlice(run, otherPicture.statement.index, otherPicture),
  ],
];

function raiseAnotherOutput({ run, output }: HonestRun): RunProof {
  const honest = run.values.get(output) as Int32Array;
  const forged = honest.slice();
  const best = argmax(honest);
  const other = (best + 1) % honest.length;
  [forged[best], forged[other]] = [honest[other], honest[best]];
  return { ...run, values: new Map([...run.values, [output, forged]]) };
}

function flipOneBit({ run }: HonestRun): RunProof {
  const at = secondProof(run.slices);
  const { statement, proof } = run.slices[at] as SliceProof;
  const forged = proof.slice();
  forged[forged.length >> 1] ^= 1;
  return withSlice(run, at, { statement, proof: forged });
}

function swapTwo({ run }: HonestRun): RunProof {
  const at = secondProof(run.slices);
  const [first, second] = [run.slices[0], run.slices[at]] as [SliceProof, SliceProof];
  return withSlice(withSlice(run, 0, second), at, first);
}

/** The run is held against the fingerprint of some other program. */
function otherModel(key: Uint8Array, run: RunProof): Forgery {
  const { verdict, code = '', path = '' } = verifyRun(key, run, { fingerprint: '0'.repeat(64) });
  return { what: 'the run is passed off as another model’s', verdict, code, path };
}

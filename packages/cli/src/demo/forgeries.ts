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
  /** A slice in the middle, honestly proven for another session, and for another picture in this session. */
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

const FORGERIES: readonly (readonly [(h: HonestRun) => string, (h: HonestRun) => RunProof])[] = [
  [() => 'the output says another digit', raiseAnotherOutput],
  [() => 'one bit of a proof is flipped', flipOneBit],
  [() => 'the proofs of two slices are swapped', swapTwo],
  [
    (h) => `slice ${h.otherSession.statement.index} comes from another session`,
    ({ run, otherSession }) => withSlice(run, otherSession.statement.index, otherSession),
  ],
  [
    () => '… and its statement is relabelled for this one',
    ({ run, otherSession: { statement, proof } }) =>
      withSlice(run, statement.index, { statement: { ...statement, nonce: run.nonce }, proof }),
  ],
  [
    (h) => `slice ${h.otherPicture.statement.index} is proven, but of another picture`,
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
  const { statement, proof } = run.slices[1] as SliceProof;
  const forged = proof.slice();
  forged[forged.length >> 1] ^= 1;
  return withSlice(run, 1, { statement, proof: forged });
}

function swapTwo({ run }: HonestRun): RunProof {
  const [first, second, ...rest] = run.slices;
  return { ...run, slices: [second, first, ...rest] };
}

/** The run is held against the fingerprint of some other program. */
function otherModel(key: Uint8Array, run: RunProof): Forgery {
  const { verdict, code = '', path = '' } = verifyRun(key, run, { fingerprint: '0'.repeat(64) });
  return { what: 'the run is passed off as another model’s', verdict, code, path };
}

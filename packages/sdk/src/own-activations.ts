/** The requester's own inference: every tensor that passes between slices with a salt, so that the gateway computes nothing. */
import { decodeSlicePackage, deriveSalt, executeSlice } from '@dsperse/core/prove';
import { finalOutputs, InputError, type PublicValues, toHex } from '@dsperse/core/verify';
import { type BundledTensor, encodeBundle, type ProgramDocument } from '@dsperse/network/messages';
import { random32 } from './random.js';

/**
 * @param readSlice a slice package by index, as bytes
 * @returns a tensor bundle with all that slices read; what is an output alone the provers compute
 * @throws InputError `other-program`; ProvingError `out-of-range`
 */
export async function computeActivations(
  program: ProgramDocument,
  inputs: PublicValues,
  readSlice: (index: number) => Uint8Array | Promise<Uint8Array>,
): Promise<Uint8Array> {
  const secret = random32();
  const values = new Map(inputs);
  for (const { index, outputs } of program.slices) {
    const final = finalOutputs(program, index, 1);
    if (final.length === outputs.length) continue;
    const slice = decodeSlicePackage(await readSlice(index));
    if (slice.fingerprint !== program.fingerprint || slice.index !== index) {
      throw new InputError(
        'other-program',
        `slice ${index} is of another program`,
        'take the packages of this program',
      );
    }
    for (const [name, integers] of executeSlice(slice, values).outputs) {
      if (!final.includes(name)) values.set(name, integers);
    }
  }
  const bundle = [...values].map(([name, integers]): [string, BundledTensor] => {
    return [name, { values: integers, salt: toHex(deriveSalt(secret, name)) }];
  });
  return encodeBundle(new Map(bundle));
}

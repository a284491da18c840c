/** Whether numbers lie in the interval that their value was declared with. */
import { ProvingError } from '../base/errors.js';
import { firstOutside } from './loops.js';
import type { Value } from './relation.js';

/**
 * Of the cells [from, to).
 * @throws ProvingError('out-of-range')
 */
export function checkRange({ lo, hi, name }: Value, data: Int32Array, from: number, to: number): void {
  const least = Math.max(lo, -(2 ** 31)) | 0;
  const width = (Math.min(hi, 2 ** 31 - 1) - least) >>> 0;
  const at = firstOutside(data, from, to, least, width);
  if (at === to) return;
  throw new ProvingError(
    'out-of-range',
    `${name} holds ${data[at]}, outside the range [${lo}, ${hi}] that the program was made for`,
    'compile again, calibrated with inputs like this one (--calibrate)',
  );
}

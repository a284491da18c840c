/** A picture as the numbers of a model input. */
import { InputError } from '@dsperse/core/graph';
import type { Picture } from './png.js';

/** Weights of red, green and blue in the grey value (ITU-R BT.601). */
const LUMA = [0.299, 0.587, 0.114];

/**
 * Samples divided by 255, in the order of an input of shape [C, H, W] or [1, C, H, W] with C = 1 or 3.
 *
 * Alpha is dropped. RGB becomes grey by the BT.601 weights, grey becomes RGB by repetition. A picture that is a whole
 * number of times larger than the input in each direction is averaged over blocks; other sizes are refused.
 * @throws InputError `bad-input` where the picture does not fit the shape
 */
export function pictureInput(picture: Picture, dims: readonly number[]): Float64Array {
  const [channels, height, width] = dims.slice(-3);
  const ok = dims.length === 3 || (dims.length === 4 && dims[0] === 1);
  if (!ok || (channels !== 1 && channels !== 3)) {
    throw new InputError(
      'bad-input',
      `a picture does not fit an input of shape [${dims}]`,
      'give the numbers as JSON or .npy',
    );
  }
  const down = picture.height / height;
  const across = picture.width / width;
  if (!Number.isInteger(down) || !Number.isInteger(across)) {
    throw new InputError(
      'bad-input',
      `the picture is ${picture.width} x ${picture.height} pixels, the input ${width} x ${height}`,
      `scale it to ${width} x ${height}, or a multiple`,
    );
  }
  const out = new Float64Array(channels * height * width);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let v = 0; v < down; v++) {
          for (let u = 0; u < across; u++) {
            sum += sample(picture, channels, c, (y * down + v) * picture.width + x * across + u);
          }
        }
        out[(c * height + y) * width + x] = sum / (255 * down * across);
      }
    }
  }
  return out;
}

/** Channel c, of `channels`, of the pixel at `index`. */
function sample(picture: Picture, channels: number, c: number, index: number): number {
  const at = index * picture.channels;
  if (picture.channels < 3) return picture.data[at];
  if (channels === 3) return picture.data[at + c];
  return LUMA.reduce((sum, weight, k) => sum + weight * picture.data[at + k], 0);
}

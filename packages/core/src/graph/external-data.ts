/** Numbers that stand in a file beside the model. */
import { InputError } from '../base/errors.js';

/**
 * Gives the bytes of an external data file by its location, a relative path below the model's directory. What it throws
 * becomes the cause of an InputError.
 */
export type ExternalData = (location: string) => Uint8Array;

const ABSOLUTE = /^([\\/]|[a-zA-Z]:)/;
const UPWARDS = /(^|[\\/])\.\.([\\/]|$)/;

/** Whether a location stays below the model's directory on every system. */
function isSafe(location: string): boolean {
  const plain = [...location].every((c) => c >= ' ' && c !== '\\');
  return location !== '' && plain && !ABSOLUTE.test(location) && !UPWARDS.test(location);
}

/**
 * @param where the tensor's external_data entries (location, offset, length)
 * @param label names the tensor in errors
 * @param size bytes that the tensor's shape and format ask for
 */
export function externalBytes(
  where: ReadonlyMap<string, string>,
  label: string,
  size: number,
  external?: ExternalData,
): Uint8Array {
  const location = where.get('location') ?? '';
  if (!isSafe(location)) {
    throw new InputError(
      'unsafe-path',
      `${label} asks for external data at ${JSON.stringify(location)}`,
      'keep external data beside the model',
    );
  }
  if (!external) {
    throw new InputError(
      'missing-external-data',
      `${label} is kept in the file ${location}`,
      'give the model by its path, with its data beside it',
    );
  }
  const file = open(external, location, label);
  const offset = Number(where.get('offset') ?? 0);
  const length = Number(where.get('length') ?? size);
  if (!Number.isSafeInteger(offset) || offset < 0 || length !== size || offset + length > file.length) {
    throw new InputError(
      'missing-external-data',
      `${location} does not hold the ${size} bytes of ${label}`,
      'copy the data file again',
    );
  }
  return file.subarray(offset, offset + length);
}

function open(external: ExternalData, location: string, label: string): Uint8Array {
  try {
    return external(location);
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    const message = `the file ${location} of ${label} cannot be read`;
    throw new InputError('missing-external-data', message, 'put the data file beside the model', undefined, { cause });
  }
}

/** NumPy's .npz files: .npy files in a ZIP archive, stored or deflated (PKWARE APPNOTE 6.3.10, §4.3). */
import { inflateRawSync } from 'node:zlib';
import { InputError } from '@dsperse/core/graph';
import { decodeNpy } from './npy.js';
import type { InputFile, RawNumbers } from './raw-tensor.js';

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const NOT_HERE = 0xffffffff;
const MAX_ENTRY_BYTES = 2 ** 31;

/** @throws InputError `broken-npz` */
export function decodeNpz(bytes: Uint8Array, file: string): InputFile {
  const arrays = new Map<string, RawNumbers>();
  for (const { name, data } of unzip(bytes, file)) {
    if (!name.endsWith('.npy')) continue;
    const key = name.slice(0, -4);
    arrays.set(key, decodeNpy(data, `${key} in ${file}`));
  }
  if (arrays.size === 0)
    throw new InputError('broken-npz', `${file} holds no arrays`, 'save it again with numpy.savez');
  // numpy.savez calls arrays without a name arr_0, arr_1, …
  const positional = [...arrays.keys()].every((_, i) => arrays.has(`arr_${i}`));
  if (!positional) return { named: arrays };
  return { listed: [...arrays.keys()].map((_, i) => arrays.get(`arr_${i}`) as RawNumbers) };
}

function unzip(bytes: Uint8Array, file: string): { name: string; data: Uint8Array }[] {
  const broken = (what: string, cause?: unknown): InputError =>
    new InputError(
      'broken-npz',
      `${file} is not a readable .npz file: ${what}`,
      'save it again with numpy.savez',
      undefined,
      { cause },
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && end > bytes.length - 22 - 65536 && view.getUint32(end, true) !== END) end--;
  if (end < 0 || view.getUint32(end, true) !== END) {
    throw broken(bytes.length === 0 ? 'it is empty' : 'it is no ZIP archive, or cut off');
  }
  const entries: { name: string; data: Uint8Array }[] = [];
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== ENTRY) throw broken('its directory is damaged');
    const method = view.getUint16(at + 10, true);
    const [packed, size] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
    const nameLength = view.getUint16(at + 28, true);
    const local = view.getUint32(at + 42, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if ([packed, size, local].includes(NOT_HERE) || size > MAX_ENTRY_BYTES) throw broken(`${name} is too large`);
    if (local + 30 > bytes.length || view.getUint32(local, true) !== LOCAL)
      throw broken(`${name} is not where it should be`);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (start + packed > bytes.length) throw broken(`${name} is cut off`);
    const body = bytes.subarray(start, start + packed);
    if (method !== 0 && method !== 8) throw broken(`${name} is packed in a way that is not read (${method})`);
    let data: Uint8Array = body;
    if (method === 8) {
      try {
        data = inflateRawSync(body, { maxOutputLength: Math.max(1, size) });
      } catch (cause) {
        throw broken(`${name} does not unpack`, cause);
      }
    }
    if (data.length !== size) throw broken(`${name} has ${data.length} bytes, expected ${size}`);
    entries.push({ name, data });
  }
  return entries;
}

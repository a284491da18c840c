/**
 * onnxruntime-node, where the user has installed it: beside dsperse or in the working directory. It is no dependency: its
 * package is large, and everything works without it.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Tensor } from '@dsperse/core/graph';

type Numbers = Float32Array | Float64Array | BigInt64Array | BigUint64Array | Int32Array | Uint8Array | Int8Array;

interface OrtTensor {
  readonly data: ArrayLike<number | bigint | boolean>;
  readonly dims: readonly number[];
}

interface OrtSession {
  readonly inputNames: readonly string[];
  run(feeds: Record<string, unknown>): Promise<Record<string, OrtTensor>>;
  release?(): Promise<void>;
}

interface Ort {
  readonly env?: { readonly versions?: { readonly node?: string; readonly common?: string } };
  readonly Tensor: new (dtype: string, data: Numbers | ArrayBufferView, dims: readonly number[]) => unknown;
  readonly InferenceSession: { create(model: string | Uint8Array, options: object): Promise<OrtSession> };
}

/** A model loaded in onnxruntime, on one thread. */
export interface FloatModel {
  /** Name and version of what computes. */
  readonly by: string;
  run(inputs: ReadonlyMap<string, Tensor>): Promise<Map<string, Float64Array>>;
  close(): Promise<void>;
}

const PACKAGE = 'onnxruntime-node';

function load(): Ort | undefined {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return createRequire(from)(PACKAGE) as Ort;
    } catch {
      // Not there, or not for this platform.
    }
  }
  return undefined;
}

/**
 * @param model a path, so that external data is found; or the bytes
 * @returns undefined where onnxruntime is not installed or does not take the model
 */
export async function openOnnxRuntime(model: string | Uint8Array): Promise<FloatModel | undefined> {
  const ort = load();
  if (!ort) return undefined;
  let session: OrtSession;
  try {
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential', logSeverityLevel: 3 };
    session = await ort.InferenceSession.create(model, options);
  } catch {
    return undefined;
  }
  const version = ort.env?.versions?.node ?? ort.env?.versions?.common;
  return {
    by: `${PACKAGE}${version ? ` ${version}` : ''}`,
    async run(inputs) {
      const feeds: Record<string, unknown> = {};
      for (const name of session.inputNames) {
        const tensor = inputs.get(name);
        if (tensor) feeds[name] = new ort.Tensor(tensor.dtype, numbersOf(tensor), tensor.dims);
      }
      const results = await session.run(feeds);
      return new Map(Object.entries(results).map(([name, { data }]) => [name, Float64Array.from(data, Number)]));
    },
    async close() {
      await session.release?.();
    },
  };
}

function numbersOf({ dtype, data }: Tensor): Numbers | ArrayBufferView {
  switch (dtype) {
    case 'float64':
      return data;
    case 'int64':
      return BigInt64Array.from(data, (x) => BigInt(Math.trunc(x)));
    case 'uint64':
      return BigUint64Array.from(data, (x) => BigInt(Math.trunc(x)));
    case 'int32':
      return Int32Array.from(data);
    case 'uint32':
      return Uint32Array.from(data);
    case 'int16':
      return Int16Array.from(data);
    case 'uint16':
      return Uint16Array.from(data);
    case 'int8':
      return Int8Array.from(data);
    case 'uint8':
    case 'bool':
      return Uint8Array.from(data);
    default:
      return Float32Array.from(data);
  }
}

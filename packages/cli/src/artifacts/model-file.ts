/** An ONNX model on disk, with its external data beside it. */
import { statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { decodeOnnx, type ExternalData, InputError } from '@dsperse/core/graph';
import type { ExpectedTensor } from '../inputs/bind-input.js';
import { readNamed } from './read-named.js';

export interface ModelFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly externalData: ExternalData;
  /** External data read so far, by location. */
  readonly external: ReadonlyMap<string, Uint8Array>;
}

export function openModel(path: string): ModelFile {
  if (statSync(path).isDirectory()) {
    throw new InputError('is-directory', `${path} is a directory, not an ONNX file`, 'give the path of a .onnx file');
  }
  if (['.pt', '.pth', '.h5', '.keras', '.tflite', '.safetensors', '.pkl'].includes(extname(path).toLowerCase())) {
    throw new InputError(
      'not-onnx',
      `${path} is not an ONNX file`,
      'export the model to ONNX first (torch.onnx.export)',
    );
  }
  const bytes = readNamed(path);
  if (bytes.length === 0) throw new InputError('broken-onnx', `${path} is empty`, 'export the model again');
  const external = new Map<string, Uint8Array>();
  const externalData: ExternalData = (location) => {
    const have = external.get(location);
    if (have) return have;
    const file = join(dirname(path), location);
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
      throw new InputError(
        'missing-external-data',
        `the model keeps weights in ${location}, which is not beside it`,
        `copy ${location} to ${dirname(path)}`,
      );
    }
    const data = readNamed(file);
    external.set(location, data);
    return data;
  };
  return { path, bytes, externalData, external };
}

/** `name=1,3,224,224`, or `1,3,224,224` for the only input. */
export interface InputShapeOption {
  readonly name: string | undefined;
  readonly dims: readonly number[];
}

/** Shapes by input name. */
export function inputShapes(model: ModelFile, options: readonly InputShapeOption[]): Record<string, readonly number[]> {
  if (options.length === 0) return {};
  const { inputs } = decodeOnnx(model.bytes, { externalData: model.externalData }).graph;
  const shapes: Record<string, readonly number[]> = {};
  for (const { name, dims } of options) {
    if (name === undefined && inputs.length !== 1) {
      throw new InputError(
        'bad-shape',
        `the model has ${inputs.length} inputs: which one has the shape ${dims.join(',')}?`,
        `write --input-shape <name>=${dims.join(',')}; the inputs are ${inputs.join(', ')}`,
      );
    }
    const key = name ?? inputs[0];
    if (!inputs.includes(key)) {
      throw new InputError('unknown-input', `the model has no input ${key}`, `its inputs are ${inputs.join(', ')}`);
    }
    shapes[key] = dims;
  }
  return shapes;
}

/** What the model says of its inputs, before shapes are resolved. */
export function expectedInputs(
  model: ModelFile,
  shapes: Readonly<Record<string, readonly number[]>>,
): ExpectedTensor[] {
  const { graph, declared } = decodeOnnx(model.bytes, { externalData: model.externalData });
  return graph.inputs.map((name) => {
    const tensor = declared.get(name);
    const own = (tensor?.dims ?? []).map((d) => (typeof d === 'number' && d > 0 ? d : undefined));
    return { name, dtype: tensor?.dtype ?? 'float32', dims: shapes[name] ?? own };
  });
}

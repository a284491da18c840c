/** Which models a measurement goes through, the smaller ones first. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchResults } from './results.js';

export const DEFAULT_MODELS = ['digits', 'lenet5', 'cifar-264k', 'dense-4m'];

const LARGER_MODELS = [
  'vgg16-cifar',
  'squeezenet',
  'vit-tiny',
  'resnet18',
  'mobilenetv2',
  'resnet50',
  'gpt2-small-1',
  'gpt2-small-64',
  'gpt2-small-256',
];

/** Architectures of the ONNX project, where they lie beside the checkout. */
const IMAGENET = fileURLToPath(new URL('../../../../../shared/models/imagenet/', import.meta.url));

export function allModels(): string[] {
  const files = existsSync(IMAGENET) ? readdirSync(IMAGENET).filter((f) => f.endsWith('.onnx')) : [];
  const imagenet = files.sort().map((f) => join(IMAGENET, f));
  const gpt2 = LARGER_MODELS.findIndex((m) => m.startsWith('gpt2'));
  return [...DEFAULT_MODELS, ...LARGER_MODELS.slice(0, gpt2), ...imagenet, ...LARGER_MODELS.slice(gpt2)];
}

/** What results call the model: a file by its name alone. */
export const resultName = (model: string): string => basename(model);

/** What is cut into 1, 2, 4, … slices. */
export const SLICED_MODELS = ['squeezenet'];
export const ALL_SLICED_MODELS = ['squeezenet', 'vgg16-cifar', 'resnet18'];
export const SLICE_COUNTS = [1, 2, 4, 8];

/** Those of which the results say nothing yet, neither a figure nor a failure. */
export function missingOf(models: readonly string[], results: BenchResults | undefined): string[] {
  const known = new Set([...(results?.results ?? []), ...(results?.failures ?? [])].map((r) => r.model));
  return models.filter((m) => !known.has(resultName(m)));
}

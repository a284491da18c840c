/** Typed reading of node attributes. */
import { InputError } from '../base/errors.js';
import type { GraphNode, Tensor, TensorInfo } from './graph.js';

export function numberAttribute(node: GraphNode, name: string, fallback: number): number {
  const v = node.attributes[name];
  return typeof v === 'number' ? v : fallback;
}

export function stringAttribute(node: GraphNode, name: string, fallback: string): string {
  const v = node.attributes[name];
  return typeof v === 'string' ? v : fallback;
}

export function listAttribute(node: GraphNode, name: string): readonly number[] | undefined {
  const v = node.attributes[name];
  return Array.isArray(v) ? (v as readonly number[]) : undefined;
}

/** Numbers that an operator takes as an input in new opsets and as an attribute in old ones; they must be constant. */
export function constantNumbers(
  node: GraphNode,
  inputs: readonly (TensorInfo | Tensor | undefined)[],
  index: number,
  attribute: string,
): number[] | undefined {
  const t = inputs[index];
  if (t) {
    const value = 'data' in t ? t : t.value;
    if (!value) {
      throw new InputError(
        'dynamic-parameter',
        `${attribute} of ${node.name} (${node.op}) is computed at run time`,
        'export the model with constant shapes and parameters',
        node.name,
      );
    }
    return [...value.data];
  }
  const list = node.attributes[attribute];
  if (typeof list === 'number') return [list];
  return Array.isArray(list) ? [...(list as number[])] : undefined;
}

/** A negative axis counts from the end. */
export function normalAxis(node: GraphNode, axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(a) || a < 0 || a >= rank) {
    throw new InputError(
      'bad-shape',
      `axis ${axis} of ${node.name} (${node.op}) is outside rank ${rank}`,
      'export the model again',
      node.name,
    );
  }
  return a;
}

/** Shape errors of one node. */
export function badShape(node: GraphNode, message: string): InputError {
  return new InputError(
    'bad-shape',
    `${node.name} (${node.op}): ${message}`,
    'check the model and --input-shape',
    node.name,
  );
}

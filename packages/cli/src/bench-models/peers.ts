/** Published figures of other systems: see bench/peers.md for what they can and cannot be compared with. */
import type { BenchModel } from './catalogue.js';

export interface PeerFigure {
  readonly system: string;
  /** The model, in the publisher's words. */
  readonly model: string;
  /** Our models of the same kind and size. */
  readonly comparable: readonly BenchModel[];
  readonly proveMs: number;
  readonly verifyMs?: number;
  readonly proofBytes?: number;
  /** As far as it is published. */
  readonly machine?: string;
  readonly source: string;
}

const DEEP_PROVE_2025 =
  'https://github.com/Lagrange-Labs/deep-prove/blob/2bbc4d95d52ccc3f4db143da20f4763553095c7a/README.md';
const DEEP_PROVE_2026 = 'https://raw.githubusercontent.com/Lagrange-Labs/deep-prove/master/README.md';
const JOLT_ATLAS =
  'https://arxivlens.com/paperview/details/jolt-atlas-verifiable-inference-via-lookup-arguments-in-zero-knowledge-7401-d3a2888a';
const EPYC = 'AMD EPYC 7B12';
const CIFAR = ['cifar-62k', 'cifar-264k'] as const;

export const PEER_FIGURES: readonly PeerFigure[] = [
  {
    system: 'DeepProve (early 2025)',
    model: 'CNN 264k, CIFAR-10',
    comparable: CIFAR,
    proveMs: 1242,
    verifyMs: 599,
    machine: EPYC,
    source: DEEP_PROVE_2025,
  },
  {
    system: 'ezkl, as run by DeepProve',
    model: 'CNN 264k, CIFAR-10',
    comparable: CIFAR,
    proveMs: 196_567,
    verifyMs: 312_505,
    machine: EPYC,
    source: DEEP_PROVE_2025,
  },
  {
    system: 'DeepProve (early 2025)',
    model: 'Dense 4M',
    comparable: ['dense-4m'],
    proveMs: 2335,
    verifyMs: 520,
    machine: EPYC,
    source: DEEP_PROVE_2025,
  },
  {
    system: 'ezkl, as run by DeepProve',
    model: 'Dense 4M',
    comparable: ['dense-4m'],
    proveMs: 126_831,
    verifyMs: 1112,
    machine: EPYC,
    source: DEEP_PROVE_2025,
  },
  {
    system: 'zkml (Kang et al.)',
    model: 'MNIST example of its README',
    comparable: ['lenet5'],
    proveMs: 8000,
    source: 'https://raw.githubusercontent.com/ddkang/zkml/main/README.md',
  },
  {
    system: 'zkCNN (2021)',
    model: 'VGG16, 15 M parameters',
    comparable: ['resnet18'],
    proveMs: 88_300,
    verifyMs: 59.3,
    proofBytes: 341_000,
    source: 'https://doi.org/10.1145/3460120.3485379',
  },
  {
    system: 'DeepProve (2026)',
    model: 'GPT-2, 512 tokens',
    comparable: [],
    proveMs: 456_000,
    verifyMs: 1300,
    proofBytes: 11_219_763,
    machine: '24 cores, 504 GB',
    source: DEEP_PROVE_2026,
  },
  {
    system: 'Jolt Atlas (2026)',
    model: 'nanoGPT, about 0.25 M parameters',
    comparable: ['transformer-tiny'],
    proveMs: 14_000,
    source: JOLT_ATLAS,
  },
  {
    system: 'Jolt Atlas (2026)',
    model: 'GPT-2, 125 M parameters',
    comparable: [],
    proveMs: 38_000,
    source: JOLT_ATLAS,
  },
];

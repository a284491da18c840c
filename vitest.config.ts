import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const core = (file: string) => fileURLToPath(new URL(`./packages/core/src/${file}`, import.meta.url));
const source = (file: string) => fileURLToPath(new URL(`./packages/${file}`, import.meta.url));
const NETWORK_ROOMS = [
  'messages',
  'market',
  'scoring',
  'chain',
  'transport',
  'store',
  'node',
  'roles',
  'local',
  'simulation',
  'bittensor',
  'transport/server',
];
// Whole networks in processes, with deadlines: one file after another, when nothing else runs.
const NETWORKS = ['tests/network/processes/**/*.test.ts', 'tests/operating/**/*.test.ts'];

export default defineConfig({
  resolve: {
    alias: {
      '@dsperse/core/graph': core('graph/index.ts'),
      '@dsperse/core/program': core('program/index.ts'),
      '@dsperse/core/prove': core('proof/prove-index.ts'),
      '@dsperse/core/verify': core('proof/verify-index.ts'),
      '@dsperse/core/kernels': core('kernels/index.ts'),
      '@dsperse/contracts': source('contracts/src/index.ts'),
      '@dsperse/sdk': source('sdk/src/index.ts'),
      ...Object.fromEntries(
        [...NETWORK_ROOMS]
          .reverse()
          .map((room) => [`@dsperse/network/${room}`, source(`network/src/${room}/index.ts`)]),
      ),
    },
  },
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'parts',
          include: ['packages/*/src/**/*.test.ts', 'tests/**/*.test.ts'],
          exclude: NETWORKS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'networks', include: NETWORKS, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
});

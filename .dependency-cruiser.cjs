// The one-way edges between the rooms of packages/core, and between packages.
const allowed = {
  base: [],
  field: ['base'],
  kernels: ['base', 'field'],
  relation: ['base', 'field'],
  argument: ['base', 'field', 'kernels', 'relation'],
  graph: ['base'],
  layers: ['base', 'graph', 'relation'],
  program: ['base', 'graph', 'relation', 'layers'],
  proof: ['base', 'field', 'kernels', 'argument', 'relation', 'program'],
};
const rooms = Object.entries(allowed).map(([room, ok]) => ({
  name: `core-${room}`,
  severity: 'error',
  from: { path: `^packages/core/src/${room}/`, pathNot: '\\.(test|bench)\\.ts$' },
  to: { path: '^packages/core/src/', pathNot: `^packages/core/src/(${[room, ...ok].join('|')})/` },
}));
const networkAllowed = {
  messages: [],
  market: ['messages'],
  scoring: ['messages', 'market'],
  chain: ['messages', 'market', 'scoring'],
  transport: ['messages'],
  store: [],
  node: ['messages', 'transport', 'chain'],
  roles: ['messages', 'market', 'scoring', 'chain', 'transport', 'store', 'node', 'bittensor'],
  local: ['messages', 'scoring', 'chain', 'node'],
  simulation: ['messages', 'market', 'scoring'],
  bittensor: ['messages', 'scoring', 'chain'],
};
const networkRooms = Object.entries(networkAllowed).map(([room, ok]) => ({
  name: `network-${room}`,
  severity: 'error',
  from: { path: `^packages/network/src/${room}/`, pathNot: '\\.(test|bench)\\.ts$' },
  to: { path: '^packages/network/src/', pathNot: `^packages/network/src/(${[room, ...ok].join('|')})/` },
}));
// Each package may import those before it.
const packages = ['core', 'contracts', 'network', 'sdk', 'cli'];
const packageOrder = packages.map((name, i) => ({
  name: `package-${name}`,
  severity: 'error',
  from: { path: `^packages/${name}/` },
  to: { path: '^packages/', pathNot: `^packages/(${packages.slice(0, i + 1).join('|')})/` },
}));
module.exports = {
  forbidden: [
    ...rooms,
    ...networkRooms,
    ...packageOrder,
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'contracts-know-nothing',
      severity: 'error',
      from: { path: '^packages/contracts/' },
      to: { path: '^packages/(?!contracts/)' },
    },
    {
      name: 'verifier-closure',
      severity: 'error',
      comment: 'What the verifier reaches is plain TypeScript: no kernels, no prover, no Node built-ins.',
      from: { path: '^packages/core/src/proof/verify-index\\.ts$' },
      to: { path: '(^packages/core/src/kernels/|prove|^node:|^(fs|path|worker_threads|crypto)$)', reachable: true },
    },
  ],
  options: {
    tsPreCompilationDeps: false,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(/dist/|\\.test\\.ts$)' },
    tsConfig: { fileName: 'tsconfig.test.json' },
  },
};

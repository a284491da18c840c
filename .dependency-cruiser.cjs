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
module.exports = {
  forbidden: [
    ...rooms,
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'core-is-lowest',
      severity: 'error',
      from: { path: '^packages/core/' },
      to: { path: '^packages/(?!core/)' },
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

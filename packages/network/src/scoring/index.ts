/** Verdicts, settlement, rewards and penalties. Pure functions. */

export * from './abandoned.js';
export * from './canaries.js';
export * from './check-parameters.js';
export * from './check-trace.js';
export * from './committee.js';
export * from './consensus.js';
export * from './divide.js';
export * from './emission.js';
export * from './explain.js';
export * from './judge-attempt.js';
export * from './leaves.js';
export * from './left-out.js';
export * from './penalties.js';
export * from './quorum.js';
export * from './settle-epoch.js';
export * from './types.js';
export * from './yuma.js';

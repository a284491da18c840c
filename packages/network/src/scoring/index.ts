/** Verdicts, settlement, rewards and penalties. Pure functions. */

export * from './canaries.js';
export * from './committee.js';
export * from './emission.js';
export * from './leaves.js';
export * from './quorum.js';
export * from './types.js';

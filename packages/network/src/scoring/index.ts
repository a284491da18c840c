/** Verdicts, settlement, rewards and penalties. Pure functions. */
export * from './quorum.js';
export * from './types.js';

/** Work of an epoch as weights of a Bittensor subnet: an export that nothing of the network depends on. */

export * from './export-weights.js';
export * from './neuron-precompile.js';
export * from './uid-file.js';
export * from './weight-vector.js';
export * from './work-shares.js';

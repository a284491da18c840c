/** The chain: what nodes ask of it, on any EVM chain, and a local one. */

export * from './deploy.js';
export * from './evm-ledger.js';
export * from './free-port.js';
export * from './ledger.js';
export * from './local-anvil.js';
export * from './network-parameters.js';

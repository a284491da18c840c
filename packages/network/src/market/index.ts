/** The market: chunks of work, their price, and who gets them. Pure functions. */

export * from './deadlines.js';
export * from './errors.js';
export * from './match.js';
export * from './price-curve.js';
export * from './prover-rate.js';
export * from './quote.js';
export * from './types.js';
export * from './work.js';

/** The market: chunks of work, their price, who gets them, and the states of orders. Pure functions. */

export * from './capacity.js';
export * from './deadlines.js';
export * from './errors.js';
export * from './match.js';
export * from './order-state.js';
export * from './price-curve.js';
export * from './quote.js';
export * from './types.js';
export * from './work.js';

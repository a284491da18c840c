/** A whole network on one machine. */
export * from './members.js';
export * from './set-up.js';

/** The network in a computer: the nodes' own pure functions, thousands of agents, many epochs, adversaries. */

export * from './agents.js';
export * from './compare.js';
export * from './measure.js';
export * from './network-parameters.js';
export * from './plan.js';
export * from './random.js';
export * from './run-simulation.js';
export * from './scenarios.js';
export * from './studies.js';

/** What a node does: gateway, prover, validator. */
export { createGateway, type Gateway, type GatewayOptions } from './gateway/gateway.js';
export { GATEWAY_DEFAULTS, type GatewaySettings } from './gateway/gateway-context.js';
export { healthRoutes, type NodeParts, nodeServices } from './node-services.js';
export { epochDocumentSchema, epochSettlementSchema, GatewayLink } from './peer/index.js';
export {
  createProver,
  type ProveChunk,
  type ProveJob,
  type ProverOptions,
  ProvingThread,
} from './prover/index.js';
export { createValidator, type ValidatorOptions, type VerifyCase } from './validator/index.js';

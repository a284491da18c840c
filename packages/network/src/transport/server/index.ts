/** The server side of requests between nodes; for Node only. */
export { createServer, type Log, type NodeServer, type RequestRecord, type ServerOptions } from './create-server.js';
export { encodeEvent, type ServerEvent } from './event-stream.js';
export { SERVER_LIMITS, type ServerLimits } from './limits.js';
export { nodeFetch, nodeRpcFetch } from './node-fetch.js';
export { type ApiInfo, openApiDocument } from './openapi.js';
export type { Rate } from './rate-limit.js';
export { Refusal } from './refusal.js';
export * from './route.js';

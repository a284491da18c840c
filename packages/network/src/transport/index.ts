/** Requests between nodes: signing, checking, sealing, and a client. Runs in browsers; the server is in server/. */
export * from './client/node-client.js';
export * from './errors.js';
export * from './request/check-request.js';
export * from './request/nonces.js';
export * from './request/sign-request.js';
export { decodeToken, encodeToken, type RequestToken } from './request/token.js';
export * from './seal/seal.js';

/** The signed messages of the network, the documents of its interface, and how tensors travel. */

export * from './canonical.js';
export * from './delegation.js';
export * from './documents.js';
export * from './input-commitment.js';
export { isSignedByAddress, type RecoverKey, recoverKeysBy } from './known-signers.js';
export * from './schemas.js';
export * from './sealing-contexts.js';
export { nodeCrypto, sha256 } from './sha256.js';
export * from './sign.js';
export * from './tensor-bundle.js';
export * from './typed-data.js';
export * from './verdict-commitment.js';
export * from './weight-commitment.js';

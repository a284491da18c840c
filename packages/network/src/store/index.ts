export type { BlobStore, ByteStream, PutOptions } from './blobs.js';
export { digestOf, isDigest } from './digest.js';
export { json, type Sql, type SqlStore, type SqlValue, type TransactionOptions } from './sql.js';
export { StoreError } from './store-error.js';

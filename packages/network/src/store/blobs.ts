/** Bytes in pieces: a Node stream, a web stream, or a generator. */
export type ByteStream = AsyncIterable<Uint8Array>;

export interface PutOptions {
  /** The digest that the bytes must have: InputError `digest-mismatch` where they do not. */
  digest?: string;
  /** More bytes than this are refused (InputError `blob-too-large`), and nothing is kept. */
  maxBytes?: number;
}

/**
 * Bytes by their name, `sha256:` and 64 hexadecimal digits in lower case. Anything else as a name is an InputError
 * `bad-digest`. Whatever is read is checked against its name: a damaged blob is a StoreError `blob-damaged`, never bytes.
 * A full disk or an object store that is away is a retryable StoreError, and leaves nothing half-written.
 */
export interface BlobStore {
  readonly kind: 'files' | 's3';
  /** Keeps the bytes, durably before it resolves, and returns their digest. Keeping the same bytes twice is fine. */
  put(source: Uint8Array | ByteStream, options?: PutOptions): Promise<string>;
  /** The bytes, or undefined where the blob is not there. Larger blobs than `maxBytes` are an InputError `blob-too-large`. */
  get(digest: string, options?: { maxBytes?: number }): Promise<Uint8Array | undefined>;
  /**
   * The bytes in pieces, or undefined. The last piece comes only after all bytes were checked, so that a stream which ends
   * without an error was whole.
   */
  read(digest: string): Promise<ByteStream | undefined>;
  has(digest: string): Promise<boolean>;
  /** Length in bytes, or undefined. */
  size(digest: string): Promise<number | undefined>;
  /** Forgets the blob; false where it was not there. */
  delete(digest: string): Promise<boolean>;
  close(): Promise<void>;
}

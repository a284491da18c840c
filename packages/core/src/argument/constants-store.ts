/**
 * What committing to constants comes to, kept between processes: the digests of the leaves and the code words. An entry
 * saves encoding and hashing, and memory: a proof reads only the leaves that are queried.
 *
 * Nothing in a store is trusted. The root is computed again from the digests that are read, each queried leaf is hashed
 * and compared with its digest; where either is not what it should be, the constants are encoded anew. A store
 * that exchanges leaves and digests after that is found out by the prover's own check of the paths to the root.
 */

/** Bytes of an entry from `offset` on. */
export interface StoredPart {
  readonly offset: number;
  /** Filled to its end; it may be shared memory. */
  readonly into: Uint8Array;
}

/** Bytes that are kept from `offset` on. */
export interface StoredPiece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Entries by the Merkle root of constants that are committed by themselves. Proving waits for what it asks. */
export interface ConstantsStore {
  /** Fills every part; false where there is no such entry, or it is too short, or cannot be read. */
  read(root: Uint8Array, parts: readonly StoredPart[]): boolean;
  /**
   * Keeps the pieces in place of what it had; false where it does not keep them, whether it has asked for them or not.
   * Never throws, whatever making them does.
   * @param size bytes of all pieces
   * @param pieces each is there until the next is asked for; together they cover [0, size)
   */
  write(root: Uint8Array, size: number, pieces: Iterable<StoredPiece>): boolean;
  /** Lets go of an entry that turned out to be damaged. */
  remove(root: Uint8Array): void;
}

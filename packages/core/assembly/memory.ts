// The fixed places in the first page of the memory. kernels/wasm/layout.ts states the same.

/** 64 bytes that stay zero: what a null pointer reads, with a step of 0. */
export const ZEROS: usize = 64;
/** A partial result of a thread: three extension elements. */
export const PARTIALS: usize = 1024;
export const PARTIAL_BYTES: usize = 64;
/** Working space of a thread. */
export const SCRATCH: usize = 4096;
export const SCRATCH_BYTES: usize = 2048;
/** Tables of twiddle factors: that of S_mu at TWIDDLES + 4·2^(mu-1), 2^(mu-1) words, doubled. */
export const TWIDDLES: usize = 65536;

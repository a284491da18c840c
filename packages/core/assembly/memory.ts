// The fixed places in the first page of the memory. kernels/wasm/layout.ts states the same.

/** 64 bytes that stay zero: what a null pointer reads, with a step of 0. */
export const ZEROS: usize = 64;
/** A partial result of a thread: up to 27 extension elements. */
export const PARTIALS: usize = 24576;
export const PARTIAL_BYTES: usize = 512;
/** Working space of a thread. */
export const SCRATCH: usize = 4096;
export const SCRATCH_BYTES: usize = 2048;
/** Working space of a thread in productCube. */
export const CUBES: usize = 32768;
export const CUBE_BYTES: usize = 4096;
/** Tables of twiddle factors: that of S_mu at TWIDDLES + 4·2^(mu-1), 2^(mu-1) words, doubled. */
export const TWIDDLES: usize = 65536;

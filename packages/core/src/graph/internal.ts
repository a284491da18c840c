/** Operators that only composites are written out in; files cannot name them. */
export const INTERNAL_DOMAIN = 'dsperse';

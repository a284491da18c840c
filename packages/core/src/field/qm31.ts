/** An element of QM31: c0 + c1·i + (c2 + c3·i)·u with i² = -1, u² = 2 + i; canonical M31 coefficients. */
export type Ext = readonly [number, number, number, number];

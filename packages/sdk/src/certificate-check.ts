/** How a check of a certificate ends. */

/** Ends the checks; caught in `verifyCertificate` alone. */
export class Found {
  constructor(
    readonly verdict: 'rejected' | 'undecided',
    readonly code: string,
    readonly path: string,
  ) {}
}

export function demand(holds: boolean, code: string, path: string): asserts holds {
  if (!holds) throw new Found('rejected', code, path);
}

export const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

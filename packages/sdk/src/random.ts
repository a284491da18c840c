/** @returns 32 bytes that nobody can guess */
export const random32 = (): Uint8Array => crypto.getRandomValues(new Uint8Array(32));

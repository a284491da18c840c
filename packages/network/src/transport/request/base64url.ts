/** Base64url without padding (RFC 4648, section 5), alike in Node and browsers. */

const CANONICAL = /^[A-Za-z0-9_-]*$/;

export const base64urlnopad = {
  encode(bytes: Uint8Array): string {
    let binary = '';
    for (const byte of bytes) binary += String.fromCharCode(byte);
    return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  },
  /** Undefined where the text is not the one encoding of some bytes. */
  decode(text: string): Uint8Array | undefined {
    if (!CANONICAL.test(text) || text.length % 4 === 1) return undefined;
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    return base64urlnopad.encode(bytes) === text ? bytes : undefined;
  },
};

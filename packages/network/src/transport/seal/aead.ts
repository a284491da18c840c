/** The cipher of sealed boxes by Node's OpenSSL. */

/** ChaCha20-Poly1305 with the tag behind the ciphertext. `decrypt` throws where the tag is wrong. */
export interface Aead {
  /** @param box filled with ciphertext and tag: 16 bytes longer than the plaintext */
  encrypt(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, plaintext: Uint8Array, box: Uint8Array): void;
  decrypt(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, ciphertext: Uint8Array): Uint8Array;
}

const CIPHER = 'chacha20-poly1305';
const TAG_BYTES = 16;
const options = { authTagLength: TAG_BYTES };

export function aeadBy({ createCipheriv, createDecipheriv }: typeof import('node:crypto')): Aead {
  return {
    encrypt(key, nonce, associated, plaintext, box) {
      const cipher = createCipheriv(CIPHER, key, nonce, options);
      cipher.setAAD(associated, { plaintextLength: plaintext.length });
      box.set(cipher.update(plaintext));
      cipher.final();
      box.set(cipher.getAuthTag(), plaintext.length);
    },
    decrypt(key, nonce, associated, ciphertext) {
      const end = ciphertext.length - TAG_BYTES;
      const decipher = createDecipheriv(CIPHER, key, nonce, options);
      decipher.setAAD(associated, { plaintextLength: end });
      decipher.setAuthTag(ciphertext.subarray(end));
      const plaintext = decipher.update(ciphertext.subarray(0, end));
      decipher.final();
      return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
    },
  };
}

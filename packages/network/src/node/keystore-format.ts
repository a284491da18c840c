/**
 * Web3 Secret Storage, version 3 (ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage):
 * key = KDF(password); ciphertext = AES-128-CTR(key[0..16], secret); mac = keccak256(key[16..32] ‖ ciphertext).
 */
import {
  createCipheriv,
  createDecipheriv,
  pbkdf2,
  randomBytes,
  randomUUID,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import { promisify } from 'node:util';
import { InputError } from '@dsperse/core/verify';
import { scryptAsync } from '@noble/hashes/scrypt.js';
import { concat, keccak256 } from 'viem';
import { z } from 'zod';

const hex = (bytes?: number) =>
  z.string().regex(bytes ? new RegExp(`^[0-9a-fA-F]{${2 * bytes}}$`) : /^([0-9a-fA-F]{2})+$/);
const natural = z.number().int().positive();

const FILE = z.object({
  version: z.literal(3),
  id: z.string().optional(),
  address: z
    .string()
    .regex(/^(0x)?[0-9a-fA-F]{40}$/)
    .optional(),
  crypto: z.intersection(
    z.object({
      cipher: z.literal('aes-128-ctr'),
      cipherparams: z.object({ iv: hex(16) }),
      ciphertext: hex(32),
      mac: hex(32),
    }),
    z.discriminatedUnion('kdf', [
      z.object({
        kdf: z.literal('scrypt'),
        kdfparams: z.object({ dklen: z.literal(32), n: natural, r: natural, p: natural, salt: hex() }),
      }),
      z.object({
        kdf: z.literal('pbkdf2'),
        kdfparams: z.object({ dklen: z.literal(32), c: natural, prf: z.literal('hmac-sha256'), salt: hex() }),
      }),
    ]),
  ),
});

export type KeystoreFile = z.output<typeof FILE>;

/** `standard` takes 256 MiB and about a second, `light` 4 MiB: for keys of a local network. */
export type KeystoreStrength = 'standard' | 'light';

const SCRYPT = { standard: { n: 2 ** 18, r: 8, p: 1 }, light: { n: 2 ** 12, r: 8, p: 6 } } as const;

/** What a file may ask of this machine. */
const MAX_SCRYPT_BYTES = 2 ** 30;
const MAX_ROUNDS = 10_000_000;

const bytes = (text: string): Buffer => Buffer.from(text, 'hex');

const scryptKey = promisify<Buffer, Buffer, number, object, Buffer>(scrypt);
const pbkdf2Key = promisify(pbkdf2);

async function deriveKey(crypto: KeystoreFile['crypto'], password: string): Promise<Buffer> {
  const secret = Buffer.from(password.normalize('NFKC'), 'utf8');
  const salt = bytes(crypto.kdfparams.salt);
  if (crypto.kdf === 'pbkdf2') {
    if (crypto.kdfparams.c > MAX_ROUNDS) throw tooCostly();
    return pbkdf2Key(secret, salt, crypto.kdfparams.c, 32, 'sha256');
  }
  const { n, r, p } = crypto.kdfparams;
  const memory = 128 * r * (n + p + 2);
  if (memory > MAX_SCRYPT_BYTES || p > 64 || (n & (n - 1)) !== 0 || n < 2) throw tooCostly();
  // OpenSSL keeps RFC 7914's bound N < 2^(16 r), which some published keystores do not.
  if (Math.log2(n) >= 16 * r) return Buffer.from(await scryptAsync(secret, salt, { N: n, r, p, dkLen: 32 }));
  return scryptKey(secret, salt, 32, { N: n, r, p, maxmem: 2 * memory });
}

const tooCostly = (): InputError =>
  new InputError(
    'bad-keystore',
    'the keystore asks for a key derivation that is too costly or malformed',
    'make the file again with dsperse or geth at their usual settings',
  );

const macOf = (key: Buffer, ciphertext: Uint8Array): Uint8Array =>
  keccak256(concat([key.subarray(16, 32), ciphertext]), 'bytes');

/** @param address without checksum, lower case, 40 digits */
export async function encryptSecret(
  secret: Uint8Array,
  address: string,
  password: string,
  strength: KeystoreStrength,
): Promise<KeystoreFile> {
  const iv = randomBytes(16);
  const kdf = {
    kdf: 'scrypt' as const,
    kdfparams: { dklen: 32 as const, ...SCRYPT[strength], salt: randomBytes(32).toString('hex') },
  };
  const frame = { cipher: 'aes-128-ctr' as const, cipherparams: { iv: iv.toString('hex') }, ciphertext: '', mac: '' };
  const key = await deriveKey({ ...frame, ...kdf }, password);
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), iv);
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()]);
  const mac = Buffer.from(macOf(key, ciphertext)).toString('hex');
  return {
    version: 3,
    id: randomUUID(),
    address,
    crypto: { ...frame, ...kdf, ciphertext: ciphertext.toString('hex'), mac },
  };
}

/** @throws InputError `wrong-password`, or `bad-keystore` where the file asks for too much */
export async function decryptSecret(file: KeystoreFile, password: string): Promise<Uint8Array> {
  const { crypto } = file;
  const key = await deriveKey(crypto, password);
  const ciphertext = bytes(crypto.ciphertext);
  if (!timingSafeEqual(macOf(key, ciphertext), bytes(crypto.mac))) {
    throw new InputError(
      'wrong-password',
      'the password does not open the keystore',
      'check DSPERSE_PASSWORD or the password file',
    );
  }
  const cipher = createDecipheriv('aes-128-ctr', key.subarray(0, 16), bytes(crypto.cipherparams.iv));
  return Buffer.concat([cipher.update(ciphertext), cipher.final()]);
}

/** @throws InputError `bad-keystore` */
export function parseKeystore(text: string): KeystoreFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new InputError('bad-keystore', 'the keystore is no JSON', 'restore it from its backup');
  }
  // geth writes `crypto`; some older tools `Crypto`.
  if (json !== null && typeof json === 'object' && 'Crypto' in json) json = { ...json, crypto: json.Crypto };
  const file = FILE.safeParse(json);
  if (file.success) return file.data;
  const where = file.error.issues[0].path.join('.') || 'the file';
  throw new InputError(
    'bad-keystore',
    `this is no keystore of version 3: ${where}`,
    'give a file made by `dsperse` or geth (Web3 Secret Storage, version 3)',
  );
}

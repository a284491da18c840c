import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { inspect } from 'node:util';
import { bytesToHex, hexToBytes } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeystore, keystoreAddress, openKeystore } from './keystore.js';
import { readPassword } from './password.js';

/** The two examples of the Web3 Secret Storage definition, with the password "testpassword". */
const EXAMPLES = [
  {
    version: 3,
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: '83dbcc02d8ccb40e466191a123791e0e' },
      ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
      kdf: 'scrypt',
      kdfparams: {
        dklen: 32,
        n: 262144,
        r: 1,
        p: 8,
        salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19',
      },
      mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
    },
  },
  {
    version: 3,
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
      ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
      kdf: 'pbkdf2',
      kdfparams: {
        c: 262144,
        dklen: 32,
        prf: 'hmac-sha256',
        salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
      },
      mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
    },
  },
];
const EXAMPLE_SECRET = '0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'dsperse-keystore-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const put = (name: string, content: unknown): string => {
  const path = join(directory, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};

describe('a keystore', () => {
  it.each(EXAMPLES)('opens the published example with $crypto.kdf', async (example) => {
    const path = put(`${example.crypto.kdf}.json`, example);
    const { account } = await openKeystore(path, 'testpassword');
    expect(account.address).toBe(privateKeyToAddress(EXAMPLE_SECRET));
    await expect(openKeystore(path, 'testpasswore')).rejects.toMatchObject({ code: 'wrong-password' });
  });

  it('gives back the same keys, readable by the owner alone', async () => {
    const path = join(directory, 'made', 'key.json');
    const made = await createKeystore(path, 'correct horse', { strength: 'light' });
    const opened = await openKeystore(path, 'correct horse');
    expect(opened.account.address).toBe(made.account.address);
    expect(opened.encryptionKey.secretKey).toEqual(made.encryptionKey.secretKey);
    expect(opened.encryptionKey.publicKey).toEqual(made.encryptionKey.publicKey);
    expect(await keystoreAddress(path)).toBe(made.account.address);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(directory, 'made'))).toEqual(['key.json']);
    await expect(openKeystore(path, 'wrong horse')).rejects.toMatchObject({
      code: 'wrong-password',
      hint: expect.stringContaining('DSPERSE_PASSWORD'),
    });
  });

  it('is never replaced, and wants a password of some length', async () => {
    const path = join(directory, 'once.json');
    await expect(createKeystore(path, 'short')).rejects.toMatchObject({ code: 'weak-password' });
    await createKeystore(path, 'correct horse', { strength: 'light' });
    const before = readFileSync(path);
    await expect(createKeystore(path, 'correct horse')).rejects.toMatchObject({ code: 'keystore-exists' });
    expect(readFileSync(path)).toEqual(before);
  });

  it('keeps the account of a given secret, and derives the encryption key from it alone', async () => {
    const secret = hexToBytes(EXAMPLE_SECRET);
    const options = { secret, strength: 'light' } as const;
    const a = await createKeystore(join(directory, 'a.json'), 'correct horse', options);
    const b = await createKeystore(join(directory, 'b.json'), 'another horse', options);
    expect(a.account.address).toBe(privateKeyToAddress(EXAMPLE_SECRET));
    expect(b.encryptionKey.publicKey).toEqual(a.encryptionKey.publicKey);
    expect(a.encryptionKey.secretKey).not.toEqual(secret);
    const zero = { secret: new Uint8Array(32), strength: 'light' } as const;
    await expect(createKeystore(join(directory, 'c.json'), 'correct horse', zero)).rejects.toMatchObject({
      code: 'bad-secret',
    });
  });

  it('shows no secret in dumps', async () => {
    const secret = hexToBytes(EXAMPLE_SECRET);
    const identity = await createKeystore(join(directory, 'd.json'), 'correct horse', { secret, strength: 'light' });
    const derived = identity.encryptionKey.secretKey;
    const dumps = [
      JSON.stringify(identity),
      inspect(identity, { depth: 9, showHidden: true }),
      String(identity.encryptionKey),
    ].join('\n');
    for (const key of [secret, derived]) {
      expect(dumps).not.toContain(bytesToHex(key).slice(2));
      expect(dumps).not.toContain([...key.subarray(0, 8)].join(', '));
    }
    expect(dumps).toContain(bytesToHex(identity.encryptionKey.publicKey));
  });

  it('refuses files that are none, lie, or ask for too much', async () => {
    const [scrypt] = EXAMPLES;
    const costly = { ...scrypt.crypto, kdfparams: { ...scrypt.crypto.kdfparams, n: 2 ** 30 } };
    const odd = { ...scrypt.crypto, kdfparams: { ...scrypt.crypto.kdfparams, n: 100 } };
    const bad: [string, unknown][] = [
      ['no.json', 'no JSON'],
      ['version.json', { ...scrypt, version: 1 }],
      ['costly.json', { ...scrypt, crypto: costly }],
      ['odd.json', { ...scrypt, crypto: odd }],
      ['liar.json', { ...EXAMPLES[1], address: '00'.repeat(20) }],
    ];
    for (const [name, content] of bad) {
      await expect(openKeystore(put(name, content), 'testpassword'), name).rejects.toMatchObject({
        code: 'bad-keystore',
      });
    }
    await expect(openKeystore(join(directory, 'missing.json'), 'x')).rejects.toMatchObject({ code: 'no-keystore' });
  });
});

/** A terminal that types `keys` and remembers what was shown. */
function terminalTyping(...keys: string[]) {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (raw: boolean) => modes.push(raw) });
  const output = new PassThrough();
  let shown = '';
  output.on('data', (chunk) => {
    shown += chunk;
    if (/: $/.test(shown)) input.write(keys.shift() ?? '\u0003');
  });
  return { terminal: { input, output } as never, modes, shown: () => shown };
}

describe('a password', () => {
  it('is taken from the environment, then from a file', async () => {
    const passwordFile = put('password', 'from the file\nsecond line\n');
    expect(await readPassword({ environment: { DSPERSE_PASSWORD: 'from outside' }, passwordFile })).toBe(
      'from outside',
    );
    expect(await readPassword({ environment: {}, passwordFile })).toBe('from the file');
    const missing = join(directory, 'nowhere');
    await expect(readPassword({ environment: {}, passwordFile: missing })).rejects.toMatchObject({
      code: 'password-file',
    });
    await expect(readPassword({ environment: {}, passwordFile: put('empty', '\n') })).rejects.toMatchObject({
      code: 'password-file',
    });
  });

  it('is asked for on a terminal without being shown', async () => {
    const typed = terminalTyping('secrex\u007ft\r', 'secret\r');
    expect(await readPassword({ environment: {}, terminal: typed.terminal, confirm: true })).toBe('secret');
    expect(typed.shown()).not.toContain('secr');
    expect(typed.modes).toEqual([true, false, true, false]);
    const differing = terminalTyping('secret\r', 'other\r');
    await expect(readPassword({ environment: {}, terminal: differing.terminal, confirm: true })).rejects.toMatchObject({
      code: 'passwords-differ',
    });
    const stopped = terminalTyping('sec\u0003');
    await expect(readPassword({ environment: {}, terminal: stopped.terminal })).rejects.toMatchObject({
      code: 'cancelled',
    });
    const none = { input: Object.assign(new PassThrough(), { isTTY: false }), output: new PassThrough() } as never;
    await expect(readPassword({ environment: {}, terminal: none })).rejects.toMatchObject({ code: 'no-password' });
  });
});

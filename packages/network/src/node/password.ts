/** Where the password of a keystore comes from: the environment, a file, or the terminal. */
import { readFile } from 'node:fs/promises';
import { InputError } from '@dsperse/core/verify';

export interface PasswordSources {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Its first line is the password. */
  readonly passwordFile?: string;
  /** Asked last, on a terminal. */
  readonly terminal?: Terminal;
  readonly question?: string;
  /** Asks twice on a terminal: for a new keystore. */
  readonly confirm?: boolean;
}

/** What a prompt needs of standard input and standard error. */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WritableStream;
}

/** @throws InputError `no-password`, `password-file`, `passwords-differ`, `cancelled` */
export async function readPassword(sources: PasswordSources = {}): Promise<string> {
  const { environment = process.env, passwordFile, question = 'Password of the keystore: ', confirm = false } = sources;
  const { terminal = { input: process.stdin, output: process.stderr } } = sources;
  const given = environment.DSPERSE_PASSWORD;
  if (given) return given;
  if (passwordFile !== undefined) return firstLine(passwordFile);
  if (!terminal.input.isTTY) {
    throw new InputError(
      'no-password',
      'no password for the keystore',
      'set DSPERSE_PASSWORD, give --password-file, or run in a terminal',
    );
  }
  const password = await promptHidden(terminal, question);
  if (confirm && (await promptHidden(terminal, 'The same again: ')) !== password) {
    throw new InputError('passwords-differ', 'the two passwords are not the same', 'try again');
  }
  return password;
}

async function firstLine(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const message = `cannot read the password file ${path}`;
    throw new InputError('password-file', message, 'give a file that this user can read', undefined, { cause });
  }
  const [line] = text.split(/\r?\n/);
  if (line === '') {
    throw new InputError('password-file', `the password file ${path} is empty`, 'write the password in its first line');
  }
  return line;
}

const [INTERRUPT, END, BACKSPACE, DELETE] = ['\u0003', '\u0004', '\b', '\u007f'];

/** One line from a terminal, of which nothing is shown. */
export function promptHidden({ input, output }: Terminal, question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = '';
    const finish = (settle: () => void): void => {
      input.off('data', onData);
      input.setRawMode(false);
      input.pause();
      output.write('\n');
      settle();
    };
    const onData = (chunk: Buffer | string): void => {
      for (const character of chunk.toString()) {
        if (character === '\r' || character === '\n') {
          finish(() => resolve(line));
          return;
        }
        if (character === INTERRUPT || character === END) {
          finish(() => reject(new InputError('cancelled', 'no password was given', 'run the command again')));
          return;
        }
        line = character === BACKSPACE || character === DELETE ? [...line].slice(0, -1).join('') : line + character;
      }
    };
    output.write(question);
    input.setRawMode(true);
    input.setEncoding('utf8');
    input.resume();
    input.on('data', onData);
  });
}

import { Progress, type ProgressStream } from './progress.js';

export interface TerminalOptions {
  /** Exactly one JSON document goes to stdout. */
  readonly json?: boolean;
  /** Nothing but errors (and the JSON document, where it is asked for). */
  readonly quiet?: boolean;
}

/** What a command writes to. */
export class Terminal {
  readonly json: boolean;
  readonly quiet: boolean;

  constructor(
    options: TerminalOptions = {},
    private readonly stdout: { write(text: string): unknown } = process.stdout,
    private readonly stderr: ProgressStream = process.stderr,
  ) {
    this.json = options.json ?? false;
    this.quiet = options.quiet ?? false;
  }

  /** For people, on stdout. */
  say(text: string): void {
    if (!this.json && !this.quiet) this.stdout.write(`${text}\n`);
  }

  /** A remark on stderr. */
  note(text: string): void {
    if (!this.quiet) this.stderr.write(`${text}\n`);
  }

  /** With --json, progress is only drawn where a person looks on. */
  progress(): Progress {
    const shown = !this.quiet && (this.stderr.isTTY || !this.json);
    return new Progress(shown ? this.stderr : undefined);
  }
}

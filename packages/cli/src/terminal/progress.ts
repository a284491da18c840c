/**
 * Progress on stderr: a bar on a terminal, which goes away when the work is done; elsewhere a line now and then, and none
 * for what is over in a second.
 *
 * On a terminal the bar is there from the start: a computation that blocks could not draw it later.
 */

/** What progress is written to: process.stderr, or a stand-in. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const PATIENCE_MS = 1000;
const REDRAW_MS = 80;
const LINE_MS = 1000;
const SAME_LINE_MS = 5000;
const BAR = 24;

export class Progress {
  private readonly began: number;
  private drawn = false;
  private lastDraw = Number.NEGATIVE_INFINITY;
  private lastStage = '';

  /** @param stream undefined: progress is not shown */
  constructor(
    private readonly stream: ProgressStream | undefined,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.began = now();
  }

  /** @param fraction of this stage, 0 … 1 */
  report(stage: string, fraction: number): void {
    if (!this.stream) return;
    const now = this.now();
    if (!this.stream.isTTY && now - this.began < PATIENCE_MS) return;
    const every =
      stage !== this.lastStage ? (this.stream.isTTY ? 0 : LINE_MS) : this.stream.isTTY ? REDRAW_MS : SAME_LINE_MS;
    if (now - this.lastDraw < every) return;
    this.lastDraw = now;
    this.lastStage = stage;
    const part = Math.min(1, Math.max(0, fraction));
    const percent = `${Math.floor(100 * part)}%`;
    if (!this.stream.isTTY) {
      this.stream.write(`${stage}${part > 0 ? ` ${percent}` : ''}\n`);
      return;
    }
    const full = Math.round(BAR * part);
    const line = `${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${percent.padStart(4)}  ${stage}`;
    this.stream.write(`\r\x1b[2K${line.slice(0, Math.max(20, (this.stream.columns || 80) - 1))}`);
    this.drawn = true;
  }

  /** Takes the bar away. */
  done(): void {
    if (this.drawn) this.stream?.write('\r\x1b[2K');
    this.drawn = false;
  }
}

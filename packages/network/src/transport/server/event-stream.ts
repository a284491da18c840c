/** Server-sent events: their encoding, and a bounded channel from whoever makes them to the reader. */

export interface ServerEvent {
  /** What a client resumes from; without line breaks. */
  readonly id?: string;
  readonly event: string;
  /** Sent as JSON; bigints as decimal strings. */
  readonly data: unknown;
}

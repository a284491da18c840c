/** A log line for people: time, level, role, message, then what else there is. */

const COLOURS: Readonly<Record<string, number>> = { trace: 90, debug: 90, info: 32, warn: 33, error: 31, fatal: 31 };

/** @param line JSON; anything else is given back as it is */
export function prettyLine(line: string, colours: boolean): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line);
  } catch {
    return line;
  }
  const { time, level, role, msg, err, ...rest } = entry;
  const paint = (text: string, colour: number): string => (colours ? `\u001b[${colour}m${text}\u001b[0m` : text);
  const name = String(level ?? 'info');
  const head = [
    paint(String(time ?? '').slice(11, 23), 90),
    paint(name.toUpperCase().padEnd(5), COLOURS[name] ?? 37),
    ...(role === undefined ? [] : [paint(String(role), 36)]),
    ...(msg === undefined ? [] : [oneLine(String(msg))]),
  ];
  const fields = Object.entries(rest).map(([k, v]) => paint(`${k}=${short(v)}`, 90));
  return `${[...head, ...fields].join(' ')}\n${err === undefined ? '' : errorLines(err)}`;
}

const oneLine = (text: string): string => text.replaceAll('\n', ' ');

function short(value: unknown): string {
  if (typeof value === 'string' && /^[\w:./@-]+$/.test(value)) return value;
  return JSON.stringify(value) ?? 'undefined';
}

function errorLines(err: unknown): string {
  const { type, message, hint, stack } = (err ?? {}) as Record<string, unknown>;
  // What a caller can mend needs no stack.
  const text = hint === undefined && typeof stack === 'string' ? stack : `${type}: ${message}`;
  const lines = hint === undefined ? text : `${text}\nhint: ${hint}`;
  return `${lines.replace(/^/gm, '  ')}\n`;
}

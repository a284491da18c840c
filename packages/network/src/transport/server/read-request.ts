/** What a request brings, checked against its route: parameters, query, JSON body. */
import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { type JsonFault, parseJson } from '../parse-json.js';
import { announcedLength } from './read-body.js';
import { Refusal } from './refusal.js';
import type { RouteLimits } from './route.js';

const FAULTS: Record<JsonFault, string> = {
  'not-utf8': 'the body is not UTF-8',
  'not-json': 'the body is not JSON',
  'too-deep': 'the JSON is nested too deeply',
  'too-many-values': 'the JSON has too many values',
};

function check<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const where = [what, ...issue.path.map(String)].join('.').slice(0, 120);
  throw new Refusal(400, 'bad-request', `${where}: ${issue.message.slice(0, 200)}`, 'see /openapi.json');
}

export function readParams(schema: z.ZodType | undefined, params: Record<string, string>): unknown {
  return schema ? check(schema, params, 'path') : params;
}

export function readQuery(schema: z.ZodType | undefined, rawUrl: string): unknown {
  const at = rawUrl.indexOf('?');
  const query: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(at < 0 ? '' : rawUrl.slice(at + 1))) {
    if (name in query) throw new Refusal(400, 'bad-request', 'a query parameter is given twice', 'give it once');
    if (!schema) throw new Refusal(400, 'bad-request', 'this path takes no query', 'leave it out');
    query[name] = value;
  }
  return schema ? check(schema, { ...query }, 'query') : {};
}

/** Before the body is read: whether it is of a kind that the route takes. */
export function requireContentType(incoming: IncomingMessage, type: string): void {
  const given = (incoming.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
  const encoding = incoming.headers['content-encoding'] ?? 'identity';
  if (given === type && encoding === 'identity') return;
  throw new Refusal(415, 'bad-content-type', `the body is not plain ${type}`, `send it as ${type}, not compressed`, {
    closesConnection: true,
  });
}

export function requireNoBody(incoming: IncomingMessage): void {
  if (announcedLength(incoming) === 0) return;
  throw new Refusal(400, 'unexpected-body', 'this request takes no body', 'leave it out', { closesConnection: true });
}

export function readJson(schema: z.ZodType, bytes: Uint8Array, limits: RouteLimits): unknown {
  const parsed = parseJson(bytes, { depth: limits.jsonDepth, values: limits.jsonValues });
  if ('fault' in parsed) throw new Refusal(400, parsed.fault, FAULTS[parsed.fault], 'see /openapi.json');
  return check(schema, parsed.value, 'body');
}

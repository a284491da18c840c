/** The OpenAPI 3.1 document of a list of routes. */
import { InputError } from '@dsperse/core/verify';
import { z } from 'zod';
import type { Route } from './route.js';

export interface ApiInfo {
  readonly title: string;
  readonly version: string;
}

type Json = Record<string, unknown>;

/** As values are on the wire: the input side of transformations. */
export function wireSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}

/** Throws InputError `bad-route` where an object of the schema lets unknown keys pass. */
export function requireStrict(schema: z.ZodType, where: string): void {
  const visit = (node: unknown): void => {
    if (node === null || typeof node !== 'object') return;
    const { properties, additionalProperties } = node as Json;
    if (properties !== null && typeof properties === 'object' && additionalProperties === undefined) {
      throw new InputError('bad-route', `${where}: an object of the schema is not strict`, 'use z.strictObject');
    }
    for (const child of Object.values(node)) visit(child);
  };
  visit(wireSchema(schema));
}

function parametersOf(schema: z.ZodType | undefined, place: 'path' | 'query', names: readonly string[]): Json[] {
  const wire = schema ? wireSchema(schema) : {};
  const properties = (wire.properties ?? {}) as Json;
  const required = (wire.required ?? []) as string[];
  return [...new Set([...names, ...Object.keys(properties)])].map((name) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: properties[name] ?? { type: 'string' },
  }));
}

function answerOf(route: Route): Json {
  const content = (type: string, schema: Json) => ({ [type]: { schema } });
  const described = (text: string, body?: Json) => ({ description: text, ...(body ? { content: body } : {}) });
  if (route.answers === 'raw') return { 200: described('the bytes', content(route.contentType, {})) };
  const schema = route.response ? wireSchema(route.response) : undefined;
  if (route.answers === 'events') {
    return { 200: described('server-sent events; data is JSON', content('text/event-stream', schema ?? {})) };
  }
  const status = route.status ?? (schema ? 200 : 204);
  return { [status]: described('done', schema && content('application/json', schema)) };
}

function operationOf(route: Route): Json {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  const operation: Json = {
    summary: route.summary,
    parameters: [...parametersOf(route.params, 'path', names), ...parametersOf(route.query, 'query', [])],
    responses: { ...answerOf(route), default: { $ref: '#/components/responses/Error' } },
    security: route.auth === 'signed' ? [{ signed: [] }] : [],
  };
  if (route.answers === 'upload') {
    operation.requestBody = { required: true, content: { 'application/octet-stream': { schema: {} } } };
  } else if (route.answers !== 'events' && route.request) {
    operation.requestBody = { required: true, content: { 'application/json': { schema: wireSchema(route.request) } } };
  }
  return operation;
}

const text = { type: 'string' };
const error = {
  type: 'object',
  properties: { code: text, message: text, hint: text },
  required: ['code', 'message', 'hint'],
};

export function openApiDocument(routes: readonly Route[], info: ApiInfo): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path][route.method.toLowerCase()] = operationOf(route);
  }
  const schema = { type: 'object', properties: { error }, required: ['error'] };
  return {
    openapi: '3.1.0',
    info,
    paths,
    components: {
      responses: { Error: { description: 'a refusal', content: { 'application/json': { schema } } } },
      securitySchemes: {
        signed: {
          type: 'http',
          scheme: 'DSperse',
          description: 'base64url(JSON {sender, audience, nonce, issuedAt, expiresAt, signature}), EIP-712 `Request`',
        },
      },
    },
  };
}

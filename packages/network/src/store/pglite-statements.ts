/**
 * Statements of PGlite that are parsed and planned once. Its own `query` sends each anew, in six messages that each enter
 * the WebAssembly: four times the processor time of sending the parameters to a statement that it knows.
 */
import { type PGlite, protocol, types } from '@electric-sql/pglite';

export interface Ran<T> {
  readonly rows: T[];
  readonly affectedRows: number;
}

type Value = string | boolean | null | Uint8Array;

interface Statement {
  readonly name: string;
  readonly parameters: readonly number[];
  readonly columns: readonly { readonly name: string; readonly type: number }[];
}

const { serialize } = protocol;
const MOST = 256;
/** Others may change what tables look like, on which known statements rest. */
const KEEPS = /^\s*(select|insert|update|delete|with|values|begin|commit|rollback)\b/i;

export class PgliteStatements {
  /** By text, the least recently used first. */
  readonly #known = new Map<string, Statement>();
  /** Names of statements that are not needed any more, and still known to the database. */
  #stale: string[] = [];
  #count = 0;

  constructor(private readonly db: PGlite) {}

  async run<T>(sql: string, values: readonly Value[]): Promise<Ran<T>> {
    if (!KEEPS.test(sql)) {
      this.forget();
      const { rows, affectedRows = 0 } = await this.db.query<T>(sql, [...values]);
      return { rows, affectedRows };
    }
    const statement = this.#known.get(sql) ?? (await this.#prepare(sql));
    this.#known.delete(sql);
    this.#known.set(sql, statement);
    const { name, parameters, columns } = statement;
    const texts = values.map((value, i) => this.#text(value, parameters[i]));
    const { messages } = await this.db.execProtocol(
      joined(serialize.bind({ statement: name, values: texts }), serialize.execute({}), serialize.sync()),
    );
    const rows: T[] = [];
    let affectedRows = 0;
    for (const message of messages) {
      if (message.name === 'dataRow') {
        const { fields } = message as unknown as { readonly fields: readonly (string | null)[] };
        const row = columns.map((c, i) => [c.name, types.parseType(fields[i], c.type, this.db.parsers)]);
        rows.push(Object.fromEntries(row) as T);
      } else if (message.name === 'commandComplete') {
        const said = (message as unknown as { readonly text: string }).text.split(' ');
        if (/^(INSERT|UPDATE|DELETE)$/.test(said[0])) affectedRows = Number(said[said.length - 1]);
      }
    }
    return { rows, affectedRows };
  }

  /** Where tables may look otherwise than before. */
  forget(): void {
    for (const { name } of this.#known.values()) this.#stale.push(name);
    this.#known.clear();
  }

  async #prepare(text: string): Promise<Statement> {
    const name = `s${this.#count++}`;
    const { messages } = await this.db.execProtocol(
      joined(
        ...this.#closed(),
        serialize.parse({ name, text }),
        serialize.describe({ type: 'S', name }),
        serialize.sync(),
      ),
    );
    let parameters: readonly number[] = [];
    let columns: Statement['columns'] = [];
    for (const message of messages) {
      if (message.name === 'parameterDescription') {
        parameters = (message as unknown as { readonly dataTypeIDs: readonly number[] }).dataTypeIDs;
      } else if (message.name === 'rowDescription') {
        const { fields } = message as unknown as {
          readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
        };
        columns = fields.map((f) => ({ name: f.name, type: f.dataTypeID }));
      }
    }
    return { name, parameters, columns };
  }

  #text(value: Value, type: number | undefined): string | null {
    if (value === null || value === undefined) return null;
    const serializer = type === undefined ? undefined : this.db.serializers[type];
    return serializer ? serializer(value) : String(value);
  }

  /** Lets go of what is not needed any more, and of what was not used for longest. */
  #closed(): Uint8Array[] {
    for (const [text, { name }] of this.#known) {
      if (this.#known.size < MOST) break;
      this.#known.delete(text);
      this.#stale.push(name);
    }
    const messages = this.#stale.map((name) => serialize.close({ type: 'S', name }));
    this.#stale = [];
    return messages;
  }
}

function joined(...messages: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(messages.reduce((n, m) => n + m.length, 0));
  let at = 0;
  for (const message of messages) {
    bytes.set(message, at);
    at += message.length;
  }
  return bytes;
}

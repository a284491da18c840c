/**
 * The part of YAML that deploy/ is written in: block maps and lists, plain, single- and double-quoted scalars, JSON lists,
 * anchors on maps, aliases and merges. Anything else is an error, so that what it reads is read alike by other parsers.
 */
export type Yaml = string | null | Yaml[] | { [key: string]: Yaml };

interface Line {
  readonly indent: number;
  readonly text: string;
  readonly number: number;
}

const KEY = /^([A-Za-z0-9_./<-]+):(?: (.*))?$/;

export function parseYaml(source: string): Yaml {
  const lines: Line[] = [];
  source.split('\n').forEach((raw, i) => {
    if (raw.includes('\t')) throw new Error(`line ${i + 1}: a tab`);
    const text = raw.trimStart();
    if (text === '' || text.startsWith('#')) return;
    if (raw !== raw.trimEnd()) throw new Error(`line ${i + 1}: space at the end`);
    lines.push({ indent: raw.length - text.length, text, number: i + 1 });
  });
  const anchors = new Map<string, Yaml>();
  let at = 0;
  const value = block(0);
  if (at < lines.length) fail('is indented like nothing before it');
  return value;

  function fail(what: string): never {
    throw new Error(`line ${lines[at]?.number ?? 'at the end'}: ${what}`);
  }

  function block(indent: number): Yaml {
    return lines[at].text.startsWith('- ') ? list(indent) : map(indent);
  }

  function list(indent: number): Yaml[] {
    const items: Yaml[] = [];
    while (at < lines.length && lines[at].indent === indent && lines[at].text.startsWith('- ')) {
      const rest = lines[at].text.slice(2);
      if (KEY.test(rest)) {
        // A map whose first key stands behind the dash.
        lines[at] = { ...lines[at], indent: indent + 2, text: rest };
        items.push(map(indent + 2));
      } else {
        items.push(scalar(rest));
        at++;
      }
    }
    return items;
  }

  function map(indent: number): { [key: string]: Yaml } {
    const own: { [key: string]: Yaml } = {};
    let merged: { [key: string]: Yaml } = {};
    while (at < lines.length && lines[at].indent === indent && !lines[at].text.startsWith('- ')) {
      const match = KEY.exec(lines[at].text);
      if (!match) fail('is no key');
      const [, key, rest = ''] = match;
      if (key in own) fail(`${key} is there twice`);
      if (key === '<<') {
        merged = { ...merged, ...(scalar(rest) as { [key: string]: Yaml }) };
        at++;
        continue;
      }
      own[key] = entry(indent, rest);
    }
    return { ...merged, ...own };
  }

  function entry(indent: number, rest: string): Yaml {
    const anchor = /^&([a-z-]+)$/.exec(rest)?.[1];
    if (rest !== '' && anchor === undefined) {
      const value = scalar(rest);
      at++;
      return value;
    }
    at++;
    const nested = at < lines.length && lines[at].indent > indent ? block(lines[at].indent) : null;
    if (anchor !== undefined) anchors.set(anchor, nested);
    return nested;
  }

  function scalar(text: string): Yaml {
    if (text.startsWith('*')) {
      const found = anchors.get(text.slice(1));
      return found === undefined ? fail(`there is no ${text}`) : found;
    }
    if (text.startsWith('[')) return (JSON.parse(text) as unknown[]).map(String);
    if (text.startsWith('"')) return JSON.parse(text) as string;
    if (text.startsWith("'")) {
      if (!/^'([^']|'')*'$/.test(text)) fail('a quote does not end');
      return text.slice(1, -1).replaceAll("''", "'");
    }
    if (/: | #|^[&!|>%@`{}\]]/.test(text)) fail('needs quotes');
    return text;
  }
}

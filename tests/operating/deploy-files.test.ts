/** What stands in deploy/ fits together and fits the code. No container engine runs it here. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONFIG_KEYS, createMetrics } from '@dsperse/network/node';
import { describe, expect, it } from 'vitest';
import { parseGenesis } from '../../packages/cli/src/network/read-genesis.js';
import { parseYaml } from './parse-yaml.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
type Map = Record<string, unknown>;
const compose = parseYaml(read('deploy/compose.yaml')) as unknown as Record<string, Record<string, Map>>;
const SERVICES = Object.entries(compose.services);
const NODES = SERVICES.filter(([, s]) => s.image === 'dsperse:0.1.0');
const ENVIRONMENT = new Set<string>(Object.values(CONFIG_KEYS).map((k) => k.environment));

describe('compose.yaml', () => {
  it('has two gateways, a validator, a prover and what they need', () => {
    expect(NODES.map(([name]) => name)).toEqual(['gateway-1', 'gateway-2', 'validator', 'prover']);
    expect(SERVICES.map(([name]) => name)).toEqual(
      expect.arrayContaining(['postgres', 'blobs', 'bucket', 'prometheus', 'grafana']),
    );
  });

  it('pins every image', () => {
    for (const [name, { image }] of SERVICES)
      expect([name, image]).toEqual([name, expect.stringMatching(/:v?\w*[\d.]+/)]);
  });

  it('gives nodes settings that exist, and each of the two gateways the same stores', () => {
    for (const [name, { environment }] of NODES) {
      for (const variable of Object.keys(environment as Map)) {
        if (variable !== 'DSPERSE_PASSWORD_FILE')
          expect([name, variable, ENVIRONMENT.has(variable)]).toEqual([name, variable, true]);
      }
    }
    const [first, second] = [compose.services['gateway-1'], compose.services['gateway-2']].map(
      (s) => s.environment as Map,
    );
    expect(first.DATABASE_URL).toMatch(/^postgres:\/\//);
    expect([second.DATABASE_URL, second.BLOB_URL]).toEqual([first.DATABASE_URL, first.BLOB_URL]);
    expect(second.DSPERSE_PUBLIC_URL).not.toBe(first.DSPERSE_PUBLIC_URL);
  });

  it('asks every service how it is, nodes on /ready or /health', () => {
    for (const [name, service] of SERVICES) {
      if (name === 'bucket') continue;
      const { test: words = [] } = (service.healthcheck ?? {}) as { test?: string[] };
      const test = words.join(' ');
      expect([name, test]).toEqual([name, expect.stringMatching(/^CMD/)]);
      if (NODES.some(([node]) => node === name)) {
        expect([name, test]).toEqual([name, expect.stringMatching(name.startsWith('gateway') ? '/ready' : '/health')]);
      }
    }
  });

  it('publishes on this machine only, and names only volumes that it declares', () => {
    for (const [name, { ports = [], volumes = [] }] of SERVICES) {
      for (const port of ports as unknown as string[])
        expect([name, port]).toEqual([name, expect.stringMatching(/^127\.0\.0\.1:/)]);
      for (const volume of volumes as unknown as string[]) {
        const [source] = volume.split(':');
        const isThere = source.startsWith('./') ? statSync(join(ROOT, 'deploy', source)) : source in compose.volumes;
        expect([name, source, Boolean(isThere)]).toEqual([name, source, true]);
      }
    }
  });

  it('takes secrets from the environment, which the example names', () => {
    const text = read('deploy/compose.yaml');
    const wanted = new Set([...text.matchAll(/(?<!\$)\$\{(\w+):\?/g)].map((m) => m[1]));
    const given = new Set([...read('deploy/.env.example').matchAll(/^(\w+)=/gm)].map((m) => m[1]));
    expect(given).toEqual(wanted);
    for (const name of ['gateway', 'prover', 'validator']) {
      const variables = [...read(`deploy/${name}.env.example`).matchAll(/^(\w+)=/gm)].map((m) => m[1]);
      for (const variable of variables) expect([variable, ENVIRONMENT.has(variable)]).toEqual([variable, true]);
    }
  });
});

describe('the image', () => {
  it('runs as another user than root, without what only development needs', () => {
    const text = read('deploy/Dockerfile');
    expect(text).toMatch(/^FROM node:20-slim$/m);
    expect(text).toMatch(/^USER node$/m);
    expect(text).toContain('npm ci --omit=dev');
    const packages = readdirSync(join(ROOT, 'packages')).filter((p) => p !== 'dashboard');
    for (const name of packages)
      expect([name, text.includes(`packages/${name}/dist packages/${name}/dist`)]).toEqual([name, true]);
  });
});

/** The names that nodes register, in the code and by the process's own metrics. */
function registeredMetrics(): Set<string> {
  const names = new Set<string>();
  const metrics = createMetrics();
  for (const { name } of metrics.registry.getMetricsAsArray()) names.add(name);
  metrics.close();
  const room = join(ROOT, 'packages/network/src');
  for (const file of readdirSync(room, { recursive: true }) as string[]) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    for (const [, kind, name] of readFileSync(join(room, file), 'utf8').matchAll(
      /\.(counter|gauge|histogram)\(\s*'(dsperse_\w+)'/g,
    )) {
      names.add(name);
      // Fails where a name does not end in its unit.
      const fresh = createMetrics({ processMetrics: false });
      fresh[kind as 'counter'](name, name);
    }
  }
  return names;
}

describe('what is watched', () => {
  const names = registeredMetrics();
  const known = (used: string): boolean => names.has(used) || names.has(used.replace(/_(bucket|count|sum)$/, ''));
  const dashboard = JSON.parse(read('deploy/grafana/dsperse.json'));
  const targets: string[] = dashboard.panels
    .flatMap((p: { targets?: { expr: string }[] }) => p.targets ?? [])
    .map((t: { expr: string }) => t.expr);
  const { groups } = parseYaml(read('deploy/prometheus/alerts.yaml')) as unknown as {
    groups: { rules: { alert: string; expr: string; annotations: { summary: string } }[] }[];
  };
  const rules = groups.flatMap((g) => g.rules);

  it('is registered by the code', () => {
    expect(names.size).toBeGreaterThan(40);
    const used = [...targets, ...rules.map((r) => r.expr)].flatMap((e) => e.match(/dsperse_\w+/g) ?? []);
    expect(used.filter((name) => !known(name))).toEqual([]);
    expect(known('dsperse_gateway_no_such_total')).toBe(false);
  });

  it('is everything that nodes of a network count', () => {
    const shown = targets.join(' ');
    const own = [...names].filter((n) => !/^dsperse_(process|nodejs)_/.test(n));
    expect(own.filter((name) => !shown.includes(name))).toEqual([]);
  });

  it('has an alert for each line of docs/operating.md, and the other way round', () => {
    const text = read('docs/operating.md');
    for (const { alert, annotations } of rules) {
      expect([alert, text.includes(`\`${alert}\``)]).toEqual([alert, true]);
      expect(annotations.summary.length).toBeGreaterThan(10);
    }
    const described = [...text.matchAll(/^\| `([A-Z]\w+)` /gm)].map((m) => m[1]);
    expect(described.sort()).toEqual(rules.map((r) => r.alert).sort());
  });

  it('is scraped where compose.yaml has nodes', () => {
    const scrape = parseYaml(read('deploy/prometheus/prometheus.yaml')) as unknown as {
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    const hosts = scrape.scrape_configs
      .flatMap((c) => c.static_configs.flatMap((s) => s.targets))
      .map((t) => t.split(':')[0]);
    expect(hosts.sort()).toEqual(NODES.map(([name]) => name).sort());
  });
});

describe('genesis.example.json', () => {
  it('is read', () => {
    const genesis = parseGenesis(JSON.parse(read('deploy/genesis.example.json')));
    expect(genesis.allocations[1].amount).toBe(250_000_500_000_000_000_000_000n);
    expect(genesis.parameters).toEqual({ feeBps: { value: 1000n }.value, validatorStakeMin: 10_000n * 10n ** 18n });
  });

  it.each([
    [{ chainId: 'x' }, 'chainId'],
    [{ parameters: { fee: 1 } }, 'no parameter fee'],
    [{ parameters: { feeBps: '1.5' } }, 'whole number of basis points'],
    [{ allocations: [{ account: '0x1', amount: '1' }] }, 'account of allocation 0'],
    [{ supplyCap: 'much' }, 'supplyCap'],
    [{ surprise: 1 }, 'no surprise'],
  ])('is refused with %j', (change, message) => {
    const good = JSON.parse(read('deploy/genesis.example.json'));
    expect(() => parseGenesis({ ...good, ...change })).toThrow(message);
  });
});

/** The tables of docs/economics.md, by the name between its marks. */
import { SCENARIOS, type SharePoint } from '@dsperse/network/simulation';
import { markdownTable, right } from '../bench/report/markdown.js';
import type { SimulationResults } from './results.js';
import { THIRD_BPS } from './run-simulations.js';

/** Without a sign before nothing. */
const two = (x: number) => x.toFixed(2).replace(/^-(0\.00)$/, '$1');
const percent = (x: number) => `${(100 * x).toFixed(x > 0 && x < 0.0995 ? 1 : 0)} %`;
const shareOf = (bps: number) => `${bps / 100} %`;

/** A gain below one in fifty is noise of the draws. */
export const NOISE = 1.02;

export const pays = (c: { strategy: number; honest: number }) => c.strategy > c.honest * NOISE;

function strategies(results: SimulationResults): string {
  const rows = results.comparisons
    .filter(({ attackerBps, scenario }) => attackerBps === THIRD_BPS && scenario !== 'honest')
    .map((c) => [
      c.scenario,
      SCENARIOS.find(({ name }) => name === c.scenario)?.about ?? '',
      c.role,
      two(c.strategy),
      two(c.honest),
      two(c.others),
      two(c.profit),
      pays(c) ? '**yes**' : 'no',
      percent(c.fill),
      two(c.price),
    ]);
  const columns = [
    { title: 'strategy' },
    { title: 'what it does' },
    { title: 'measured on' },
    ...right('strategy', 'same agents, honest', 'all others', 'its profit over honest profit'),
    { title: 'more per cost' },
    ...right('filled', 'price'),
  ];
  return markdownTable(columns, rows);
}

function shares(results: SimulationResults): string {
  const all = [...new Set(results.comparisons.map(({ attackerBps }) => attackerBps))];
  const names = [...new Set(results.comparisons.map(({ scenario }) => scenario))].filter((name) => name !== 'honest');
  const rows = names.map((name) => [
    name,
    ...all.map((bps) => {
      const c = results.comparisons.find(({ scenario, attackerBps }) => scenario === name && attackerBps === bps);
      if (!c) return '';
      const text = `${two(c.strategy)} / ${two(c.honest)}`;
      return pays(c) ? `**${text}**` : text;
    }),
  ]);
  return markdownTable([{ title: 'strategy' }, ...right(...all.map(shareOf))], rows);
}

function detection(results: SimulationResults): string {
  const rows = results.comparisons
    .filter(({ attackerBps, wrongdoers }) => attackerBps <= THIRD_BPS && wrongdoers > 0)
    .map((c) => [
      c.scenario,
      shareOf(c.attackerBps),
      String(c.wrongdoers),
      String(c.uncaught - c.tooLateToTell),
      String(c.tooLateToTell),
      c.detectionEpochs === undefined ? 'not all' : String(c.detectionEpochs),
      String(c.evicted),
    ]);
  return markdownTable(
    [
      { title: 'strategy' },
      ...right(
        'share',
        'did wrong',
        'never caught',
        'first in the last epoch',
        'epochs until the last was caught',
        'lost their place',
      ),
    ],
    rows,
  );
}

const table = (titles: readonly string[], rows: readonly (readonly string[])[]) =>
  markdownTable([{ title: titles[0] }, ...right(...titles.slice(1))], rows);

const sharesOf = (title: string, points: readonly SharePoint[]) =>
  table(
    [title, 'strategy', 'same agents, honest', 'its profit over honest profit'],
    points.map((p) => [shareOf(p.bps), two(p.strategy), two(p.honest), two(p.profit)]),
  );

/** Undefined where nothing was found out about it. */
export const TABLES: Readonly<Record<string, (results: SimulationResults) => string | undefined>> = {
  strategies: (r) => (r.comparisons.length > 0 ? strategies(r) : undefined),
  shares: (r) => (r.comparisons.length > 0 ? shares(r) : undefined),
  detection: (r) => (r.comparisons.length > 0 ? detection(r) : undefined),
  demand: ({ studies }) =>
    studies.demand &&
    table(
      [
        'demand over capacity',
        'price over first ask',
        'filled',
        'provers: income per cost',
        'Gini of incomes',
        'largest prover',
      ],
      studies.demand.map((p) => [
        two(p.load),
        two(p.price),
        percent(p.fill),
        two(p.provers),
        two(p.gini),
        percent(p.topShare),
      ]),
    ),
  shock: ({ studies }) =>
    studies.shock &&
    table(
      ['epoch', 'demand over capacity', 'price over first ask', 'filled'],
      studies.shock.map((p) => [String(p.epoch), two(p.demand), two(p.price), percent(p.fill)]),
    ),
  speed: ({ studies }) =>
    studies.speed &&
    table(
      ['demand over capacity', 'its ask over theirs', 'income over the mean of the seven', 'share of all income'],
      studies.speed.map((p) => [two(p.load), two(p.askBps / 10_000), two(p.multiple), percent(p.share)]),
    ),
  selfDealing: ({ studies }) =>
    studies.selfDealing &&
    table(
      ['share of validators and provers', 'emission', 'with orders from oneself', 'without'],
      studies.selfDealing.map((p) => [
        shareOf(p.validatorBps),
        p.minting ? 'yes' : 'no',
        two(p.strategy),
        two(p.honest),
      ]),
    ),
  weights: ({ studies }) =>
    studies.weights &&
    table(
      ['weights', 'share', 'validators', 'weighing by what they saw', 'provers', 'where theirs weigh so'],
      studies.weights.map((p) => [
        p.conduct === 'copy' ? 'copied' : 'all to friends',
        shareOf(p.attackerBps),
        two(p.validators),
        two(p.validatorsHonest),
        two(p.provers),
        two(p.proversHonest),
      ]),
    ),
  blind: ({ studies }) =>
    studies.blind &&
    table(
      [
        'proofs in an epoch',
        'verified',
        'income kept in the first epoch',
        'over 12 epochs',
        'in the twelfth',
        'epochs until the first wrong answer',
      ],
      studies.blind.map((p) => [
        String(p.duties),
        shareOf(p.verifiesBps),
        percent(p.first),
        percent(p.all),
        percent(p.last),
        p.untilSeen.toFixed(1),
      ]),
    ),
  committee: ({ studies }) =>
    studies.committee &&
    table(
      ['seats', 'colluding stake', 'accept a forged proof', 'honest proofs that everyone must judge'],
      studies.committee.map((p) => [
        String(p.seats),
        shareOf(p.colludingBps),
        percent(p.captured),
        percent(p.escalated),
      ]),
    ),
  machines: ({ studies }) => studies.machines && sharesOf('of the cost, machines that wait', studies.machines),
  comparing: ({ studies }) => studies.comparing && sharesOf('customers that compare gateways', studies.comparing),
  stalling: ({ studies }) =>
    studies.stalling &&
    table(
      ['curve begins at (of the first ask)', 'filled', 'lost for a stalled lock (of a chunk’s price)'],
      studies.stalling.map((p) => [shareOf(p.priceMinBps), percent(p.fill), percent(p.lostPerChunk)]),
    ),
  whale: ({ studies }) =>
    studies.whale &&
    table(
      ['stake cap', 'largest pool at first', 'after 4 epochs', 'after 8', 'after 16'],
      studies.whale.map((p) => [shareOf(p.stakeCapBps), ...[0, 3, 7, 15].map((k) => percent(p.topStake[k]))]),
    ),
  asks: ({ studies }) =>
    studies.asks &&
    table(
      ['fixed ask over the first ask', 'income per cost', 'profit in tokens'],
      studies.asks.map((p) => [two(p.askBps / 10_000), two(p.perCost), p.profit.toFixed(0)]),
    ),
  robbery: ({ studies }) =>
    studies.robbery &&
    table(
      ['demand over capacity', 'reserved in tokens', 'in epochs of payments', 'over two thirds of the stake'],
      studies.robbery.map((p) => [two(p.load), p.reserved.toFixed(0), two(p.epochs), percent(p.overStake)]),
    ),
};

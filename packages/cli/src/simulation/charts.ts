/** The pictures of docs/economics. */

import { type Axis, linearAxis } from '../bench/report/axis.js';
import type { Chart } from '../bench/report/charts.js';
import { drawPanel, type Panel, type Series } from '../bench/report/panel.js';
import { Drawing } from '../bench/report/svg.js';
import type { SimulationResults, Studies } from './results.js';

const WIDTH = 860;

type Lines = Pick<Panel, 'title' | 'xTitle' | 'yTitle'> & {
  readonly series: readonly Series[];
  readonly xTicks?: Axis;
};

/** Both axes begin at zero. */
function chartOf(name: string, alt: string, { series, xTicks, ...titles }: Lines, namesAtEnd = false): Chart {
  const height = 460 + (namesAtEnd ? 140 : 18 * series.length);
  const d = new Drawing(WIDTH, height);
  const points = series.flatMap((s) => s.points);
  const panel: Panel = {
    ...titles,
    x: xTicks ?? linearAxis(points.map((p) => p.x)),
    y: linearAxis(points.map((p) => p.y)),
    xTick: (x) => String(Number(x.toPrecision(4))),
    yTick: (y) => String(Number(y.toPrecision(4))),
    series,
    namesAtEnd,
  };
  drawPanel(d, { x: 0, y: 0, width: WIDTH - 10, height }, panel);
  return { name, alt, svg: d.toString(), width: WIDTH, height };
}

export function economyCharts({ comparisons, studies }: SimulationResults): Chart[] {
  const charts: Chart[] = [];
  // A strategy that brings nothing at any share would only lie on the axis.
  const names = [...new Set(comparisons.filter((c) => c.strategy > 0).map(({ scenario }) => scenario))].filter(
    (name) => name !== 'honest',
  );
  if (names.length > 0) {
    const series = names.map((name, colour): Series => {
      const own = comparisons.filter(({ scenario, honest }) => scenario === name && honest > 0);
      const points = own.map((c) => ({ x: c.attackerBps / 100, y: Math.max(0, c.strategy / c.honest) }));
      return { name, points, joined: true, colour };
    });
    charts.push(
      chartOf(
        'strategies',
        'Income per unit of cost of each strategy over that of honest work, against the share of the attackers',
        {
          title: 'Income per unit of cost, over that of the same agents at honest work; losses are not shown',
          xTitle: 'attackers: percent of provers and of validators’ stake',
          yTitle: 'over honest work',
          series,
          xTicks: { from: 0, to: 60, log: false, ticks: [10, 33, 50] },
        },
        true,
      ),
    );
  }
  if (studies.demand) {
    const line = (name: string, y: (p: Studies['demand'][number]) => number): Series => {
      return { name, points: studies.demand?.map((p) => ({ x: p.load, y: y(p) })) ?? [], joined: true };
    };
    charts.push(
      chartOf('demand', 'Price, fill rate and concentration against demand', {
        title: 'Price, fill rate and concentration against demand',
        xTitle: 'demand over capacity',
        yTitle: '',
        series: [
          line('price over the first ask', (p) => p.price),
          line('share of chunks that are filled', (p) => p.fill),
          line('income per unit of cost of provers', (p) => p.provers),
          line('Gini of provers’ incomes', (p) => p.gini),
        ],
      }),
    );
  }
  if (studies.shock) {
    const line = (name: string, y: (p: Studies['shock'][number]) => number): Series => {
      return { name, points: studies.shock?.map((p) => ({ x: p.epoch, y: y(p) })) ?? [], joined: true };
    };
    charts.push(
      chartOf('shock', 'Demand, price and fill rate before, in and after a shock of demand', {
        title: 'A shock of demand',
        xTitle: 'epoch',
        yTitle: '',
        series: [
          line('demand over capacity', (p) => p.demand),
          line('price over the first ask', (p) => p.price),
          line('share of chunks that are filled', (p) => p.fill),
        ],
      }),
    );
  }
  if (studies.whale) {
    const series = studies.whale.map((p): Series => {
      const points = p.topStake.map((y, k) => ({ x: k + 1, y }));
      return { name: `stake cap ${p.stakeCapBps / 100} %`, points, joined: true };
    });
    charts.push(
      chartOf('concentration', 'Share of the largest pool by epoch, by stake cap', {
        title: 'Share of the largest pool of validators’ stake',
        xTitle: 'epoch',
        yTitle: 'of all stake',
        series,
      }),
    );
  }
  if (studies.blind) {
    const blind = studies.blind;
    const line = (name: string, verifies: number, y: (p: Studies['blind'][number]) => number): Series => {
      const own = blind.filter(({ verifiesBps }) => verifiesBps === verifies);
      return { name, points: own.map((p) => ({ x: p.duties, y: y(p) })), joined: true };
    };
    const series = [
      line('accepts all: the first epoch', 0, (p) => p.first),
      line('accepts all: twelve epochs', 0, (p) => p.all),
      line('verifies half: twelve epochs', 5_000, (p) => p.all),
    ];
    charts.push(
      chartOf('blind', 'What a validator keeps that accepts everything, against the number of proofs of an epoch', {
        title: 'Income that a validator keeps by accepting everything',
        xTitle: 'proofs in an epoch',
        yTitle: 'of the full income',
        series,
      }),
    );
  }
  return charts;
}

/** Goes through models in a browser; what fails is reported, and the rest goes on. */
import { InputError } from '@dsperse/core/graph';
import type { Progress } from '../../terminal/progress.js';
import { describeMachine, occasion } from '../machine.js';
import { stageError } from '../measure-model.js';
import { resultName } from '../model-sets.js';
import type { BenchResults, BrowserResult, Failure } from '../results.js';
import { emptyResults } from '../results-file.js';
import { findChromium } from './chromium.js';
import { measureBrowser } from './measure-browser.js';

export const BROWSER_MODELS = ['lenet5'];
export const ALL_BROWSER_MODELS = ['lenet5', 'resnet18'];

export interface BrowserPlan {
  readonly models: readonly string[];
  readonly runs: number;
  readonly budgetMs: number;
  readonly limitMs: number;
}

/** @throws InputError where there is no browser */
export async function runBrowser(
  plan: BrowserPlan,
  progress: Progress,
  keep: (results: BenchResults) => void,
): Promise<BenchResults> {
  const chromium = findChromium();
  if (!chromium) {
    throw new InputError('no-browser', 'there is no Chromium', 'install chromium, or name one in CHROMIUM');
  }
  const machine = describeMachine();
  const browser: BrowserResult[] = [];
  const browserFailures: Failure[] = [];
  const soFar = (): BenchResults => ({ ...emptyResults(machine), browser, browserFailures });
  for (const [i, model] of plan.models.entries()) {
    progress.report(`${resultName(model)} in a browser`, i / plan.models.length);
    const measured = occasion(machine.load);
    try {
      browser.push(await measureBrowser(chromium, model, { ...plan, measured }));
    } catch (thrown) {
      browserFailures.push({ model: resultName(model), measured, stage: 'browser', ...stageError(thrown) });
    }
    keep(soFar());
  }
  return soFar();
}

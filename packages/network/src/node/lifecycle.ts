/** The services of a process: started in order, watched, and stopped in reverse order. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from './logs.js';

export interface ServiceHealth {
  readonly ok: boolean;
  /** One line; what is wrong where it is not ok. */
  readonly detail?: string;
}

export interface Service {
  readonly name: string;
  /** Resolves when others may rely on it. */
  start(): void | Promise<void>;
  /** Called once, also where start has failed; finishes or gives back what is under way. */
  stop(): void | Promise<void>;
  /** Asked by readiness; ok where it is missing. */
  health?(): ServiceHealth | Promise<ServiceHealth>;
}

export type LifecycleState = 'idle' | 'starting' | 'running' | 'stopping' | 'stopped';

export interface Readiness {
  /** All services are started and healthy. */
  readonly ready: boolean;
  readonly state: LifecycleState;
  readonly services: readonly (ServiceHealth & { readonly name: string })[];
}

export interface LifecycleOptions {
  readonly logger: Logger;
  /** Bound on stopping all services together, 15,000 by default. */
  readonly stopTimeoutMs?: number;
  /** Bound on one answer of health(), 2,000 by default. */
  readonly healthTimeoutMs?: number;
}

export class Lifecycle {
  #state: LifecycleState = 'idle';
  #stopping: Promise<boolean> | undefined;
  readonly #started: Service[] = [];

  constructor(
    private readonly services: readonly Service[],
    private readonly options: LifecycleOptions,
  ) {}

  get state(): LifecycleState {
    return this.#state;
  }

  /** Where one fails, those before it are stopped again and its error is thrown. */
  async start(): Promise<void> {
    this.#state = 'starting';
    for (const service of this.services) {
      if (this.#stopping) return;
      const began = performance.now();
      this.#started.push(service);
      try {
        await service.start();
      } catch (error) {
        await this.stop();
        throw error;
      }
      this.options.logger.debug({ service: service.name, ms: Math.round(performance.now() - began) }, 'started');
    }
    if (!this.#stopping) this.#state = 'running';
  }

  /**
   * Stops what was started, the last first.
   * @returns false where a service failed to stop or the bound was over before all were
   */
  stop(): Promise<boolean> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<boolean> {
    this.#state = 'stopping';
    const { logger, stopTimeoutMs = 15_000 } = this.options;
    const bound = new AbortController();
    const over = delay(stopTimeoutMs, 'over' as const, { signal: bound.signal }).catch(() => 'over' as const);
    let good = true;
    for (const service of this.#started.toReversed()) {
      const stopped = (async () => service.stop())().then(
        () => 'stopped' as const,
        (err) => {
          logger.error({ err, service: service.name }, 'did not stop well');
          return 'failed' as const;
        },
      );
      // Where the time is over, the rest are still told to stop, but not waited for.
      const outcome = await Promise.race([stopped, over]);
      if (outcome === 'over') logger.error({ service: service.name }, 'did not stop in time');
      if (outcome !== 'stopped') good = false;
    }
    bound.abort();
    this.#state = 'stopped';
    return good;
  }

  async readiness(): Promise<Readiness> {
    const services = await Promise.all(
      this.services.map(async (service) => ({ name: service.name, ...(await this.#healthOf(service)) })),
    );
    const ready = this.#state === 'running' && services.every((s) => s.ok);
    return { ready, state: this.#state, services };
  }

  async #healthOf(service: Service): Promise<ServiceHealth> {
    if (!this.#started.includes(service)) return { ok: false, detail: 'not started' };
    if (!service.health) return { ok: true };
    const bound = new AbortController();
    const late = delay(this.options.healthTimeoutMs ?? 2000, undefined, { signal: bound.signal }).then(
      () => ({ ok: false, detail: 'does not answer' }),
      () => ({ ok: false, detail: 'does not answer' }),
    );
    try {
      return await Promise.race([(async () => service.health?.() ?? { ok: true })(), late]);
    } catch (error) {
      return { ok: false, detail: error instanceof Error ? error.message : String(error) };
    } finally {
      bound.abort();
    }
  }
}

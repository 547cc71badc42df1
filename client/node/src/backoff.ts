// How long to wait before the next attempt.

/** In milliseconds. Each wait is `multiplier` times the one before, until `maxMs`. */
export interface BackoffSettings {
  /** 250 unless given. */
  readonly initialMs?: number;
  /** 10,000 unless given. */
  readonly maxMs?: number;
  /** 2 unless given. */
  readonly multiplier?: number;
}

/** The settings, complete; throws RangeError when they make no sense. */
export function completeBackoff(settings: BackoffSettings): Required<BackoffSettings> {
  const { initialMs = 250, maxMs = 10_000, multiplier = 2 } = settings;
  if (!(0 < initialMs && initialMs <= maxMs && multiplier >= 1)) {
    throw new RangeError("back-off needs 0 < initialMs <= maxMs and a multiplier of at least 1");
  }
  return { initialMs, maxMs, multiplier };
}

/**
 * A sequence of growing waits. Chance spreads them, so that the many clients of a service that went down do not all return at
 * the same moment. `random` gives numbers in [0, 1).
 */
export class Backoff {
  readonly #settings: Required<BackoffSettings>;
  readonly #random: () => number;
  #step: number;

  constructor(settings: Required<BackoffSettings>, random: () => number) {
    this.#settings = settings;
    this.#random = random;
    this.#step = settings.initialMs;
  }

  /**
   * The next wait: between half of the step and the step. When the service said `retryAfterMs`, at least that and at most a
   * quarter more, unless the step is longer.
   */
  next(retryAfterMs: number | undefined): number {
    const chance = this.#random();
    const wait = this.#step * (0.5 + 0.5 * chance);
    this.#step = Math.min(this.#step * this.#settings.multiplier, this.#settings.maxMs);
    return retryAfterMs === undefined ? wait : Math.max(wait, retryAfterMs * (1 + 0.25 * chance));
  }

  /** Starts over: an attempt has succeeded. */
  reset(): void {
    this.#step = this.#settings.initialMs;
  }
}

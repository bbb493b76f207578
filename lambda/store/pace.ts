// How many S3 requests run at once: as many as are asked for, until S3 asks to slow down. Additive increase, multiplicative decrease.

/** What an observer learns when S3 throttles: how many requests may run from now on. */
export interface Slowdown {
  readonly limit: number;
}

export interface PaceOptions {
  /** Most requests at once. */
  readonly most: number;
  /** Told each time the limit is lowered. */
  readonly onThrottle?: ((slowdown: Slowdown) => void) | undefined;
}

export interface Pace {
  /** Runs the request when there is room for it. */
  run<T>(request: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Tells that S3 asked to slow down. */
  throttled(): void;
  /** How many requests may run at once now. */
  limit(): number;
}

/** Requests in flight when S3 slows us down all report it: one halving a second answers them all. */
const HALVING_MS = 1_000;

/** Requests that must succeed at a limit before it grows by one, at least: so that small limits do not grow at once. */
const FEWEST_SUCCESSES = 4;

/** Makes a limiter. It halves on throttling, at most once a second, and grows by one after as many successes as its limit. */
export function createPace({ most, onThrottle }: PaceOptions): Pace {
  const waiting: (() => void)[] = [];
  let limit = most;
  let running = 0;
  let successes = 0;
  let halvedAt = Number.NEGATIVE_INFINITY;

  function admit(): void {
    while (running < limit && waiting.length > 0) {
      running += 1;
      waiting.shift()?.();
    }
  }

  function entered(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        waiting.splice(waiting.indexOf(enter), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', leave, { once: true });
      waiting.push(enter);
      admit();
    });
  }

  function succeeded(): void {
    successes += 1;
    if (limit >= most || successes < Math.max(limit, FEWEST_SUCCESSES)) return;
    successes = 0;
    limit += 1;
  }

  return {
    async run(request, signal) {
      signal?.throwIfAborted();
      await entered(signal);
      try {
        const answer = await request();
        succeeded();
        return answer;
      } finally {
        running -= 1;
        admit();
      }
    },
    throttled() {
      const now = performance.now();
      if (now - halvedAt < HALVING_MS) return;
      halvedAt = now;
      successes = 0;
      limit = Math.max(1, Math.floor(Math.min(limit, running) / 2));
      onThrottle?.({ limit });
    },
    limit: () => limit,
  };
}

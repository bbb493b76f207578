// A deadline that can be paused: a key's time runs while it is worked on, not while it queues for the CPU.

/** Aborts `signal` once the running time adds up to the given milliseconds. */
export class Deadline {
  readonly #controller = new AbortController();
  #remaining: number;
  #since: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number) {
    this.#remaining = milliseconds;
    this.resume();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  resume(): void {
    if (this.#since !== undefined || this.signal.aborted) return;
    this.#since = performance.now();
    this.#timer = setTimeout(() => this.#controller.abort(), Math.max(0, this.#remaining));
  }

  pause(): void {
    if (this.#since === undefined) return;
    this.#remaining -= performance.now() - this.#since;
    this.#since = undefined;
    clearTimeout(this.#timer);
  }

  /** Milliseconds left; what a part of the work may take at most. */
  get remaining(): number {
    return this.#remaining - (this.#since === undefined ? 0 : performance.now() - this.#since);
  }

  /** Stops the clock for good; without it the timer would keep a finished process waiting. */
  [Symbol.dispose](): void {
    this.pause();
  }
}

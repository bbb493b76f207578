// A deadline that can be paused: a key's time runs while it is worked on, not while it queues for the CPU.

/** A timer of Node holds no more milliseconds; it would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

// One timer serves all deadlines of the process. Nearly all of them end long before their time, and a timer set and
// cleared for each, and again for each pause, was a twentieth of the CPU time that a key takes beside its image work.
let first: Deadline | undefined;
let timer: NodeJS.Timeout | undefined;
let timerEnd = 0;

/** Calls back once, when the running time adds up to the given milliseconds. */
export class Deadline {
  readonly #onExpired: () => void;
  #remaining: number;
  /** When the time is up, while the clock runs. */
  #end: number | undefined;
  #expired = false;
  #disposed = false;
  // Those whose clock runs are a chain: a Set that is added to and deleted from keeps what it held until a full collection.
  #before: Deadline | undefined;
  #after: Deadline | undefined;

  constructor(milliseconds: number, onExpired: () => void) {
    this.#onExpired = onExpired;
    this.#remaining = milliseconds;
    this.resume();
  }

  get expired(): boolean {
    return this.#expired;
  }

  resume(): void {
    if (this.#end !== undefined || this.#expired || this.#disposed) return;
    this.#end = performance.now() + Math.max(0, this.#remaining);
    this.#after = first;
    if (first !== undefined) first.#before = this;
    first = this;
    Deadline.#wakeAt(this.#end);
  }

  pause(): void {
    if (this.#end === undefined) return;
    this.#remaining = this.#end - performance.now();
    this.#end = undefined;
    if (this.#before === undefined) first = this.#after;
    else this.#before.#after = this.#after;
    if (this.#after !== undefined) this.#after.#before = this.#before;
    this.#before = undefined;
    this.#after = undefined;
    // Without a clock that runs, the timer must not keep a finished process waiting.
    if (first === undefined) timer?.unref();
  }

  /** Stops the clock for good: what was left behind may still say that it goes on. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.pause();
  }

  static #wakeAt(end: number): void {
    if (timer === undefined || end < timerEnd) {
      clearTimeout(timer);
      timerEnd = end;
      timer = setTimeout(Deadline.#look, Math.min(LONGEST_TIMER, Math.max(0, end - performance.now())));
    } else timer.ref();
  }

  static #look(this: void): void {
    timer = undefined;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    const over: Deadline[] = [];
    for (let at = first; at !== undefined; at = at.#after) {
      const end = at.#end ?? next;
      if (end <= now) over.push(at);
      else next = Math.min(next, end);
    }
    if (next < Number.POSITIVE_INFINITY) Deadline.#wakeAt(next);
    for (const deadline of over) {
      deadline.pause();
      deadline.#expired = true;
      deadline.#onExpired();
    }
  }
}

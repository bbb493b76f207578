// Who starves when more children run than the function has environments: a simulation in virtual time of the definition's own retriers.
import type { Retrier, TaskState } from '../lib/states-language.ts';
import { THROTTLED, TIMEOUTS, workflow } from '../lib/workflow.ts';

/** One run: environments of the function, children in flight, seconds of an invocation, keys. */
export interface Starvation {
  readonly environments: number;
  readonly inFlight: number;
  readonly seconds: number;
  readonly keys: number;
}

export interface Starved {
  /** Keys whose child ended by throttling: retries used up, or its five minutes. */
  readonly failed: number;
  /** Seconds that children waited for an environment: median, 99th percentile, longest. */
  readonly waits: readonly [p50: number, p99: number, max: number];
  /** Seconds of the run, beside those that the environments need at least. */
  readonly took: number;
  readonly least: number;
  readonly requestsPerSecond: number;
}

/** Seconds from a child's end to the start of the next: what Step Functions took where it was recorded is less than a second. */
const DISPATCH = 0.1;

/** The retriers of throttling of the item processor, state by state, as Catch links them. */
function stages(): readonly Retrier[] {
  const names = { prepare: 'p', process: 'i', processLarge: 'l', summarize: 's' };
  const map = workflow({ functions: names }).States['Process keys'];
  if (map?.Type !== 'Map') throw new Error('expected the Map state "Process keys"');
  const { StartAt, States } = map.ItemProcessor;
  const found: Retrier[] = [];
  for (let name: string | undefined = StartAt; name !== undefined; ) {
    const state = States[name] as TaskState;
    const retrier = state.Retry?.find(({ ErrorEquals }) => ErrorEquals.includes(THROTTLED));
    if (retrier !== undefined) found.push(retrier);
    name = state.Catch?.find(({ ErrorEquals }) => ErrorEquals.includes(THROTTLED))?.Next;
  }
  return found;
}

/** Simulates a run. Lambda's account-wide bound of ten requests a second and environment is kept too. */
export function starve({ environments, inFlight, seconds, keys }: Starvation, retriers = stages()): Starved {
  const queue = createQueue();
  const waits: number[] = [];
  let busy = 0;
  let started = 0;
  let failed = 0;
  let requests = 0;
  let second = -1;
  let inSecond = 0;

  const next = (now: number): void => {
    if (started < keys) ask(++started && now, now, 0, 0);
  };
  const end = (now: number, lost: boolean): void => {
    if (lost) failed++;
    next(now + DISPATCH * 2 * Math.random());
  };
  const ask = (at: number, born: number, stage: number, tries: number): void =>
    queue.add(at, (now) => {
      if (now - born > TIMEOUTS.child) return end(now, true);
      requests++;
      if (Math.floor(now) !== second) {
        second = Math.floor(now);
        inSecond = 0;
      }
      inSecond++;
      if (busy < environments && inSecond <= environments * 10) {
        busy++;
        waits.push(now - born);
        return queue.add(now + seconds * (0.7 + 0.6 * Math.random()), (then) => {
          busy--;
          end(then, then - born > TIMEOUTS.child);
        });
      }
      const retrier = retriers[stage];
      if (retrier === undefined) return end(now, true);
      const { IntervalSeconds = 1, BackoffRate = 2, MaxAttempts = 3, MaxDelaySeconds = Infinity } = retrier;
      if (tries >= MaxAttempts) return ask(now, born, stage + 1, 0);
      const longest = Math.min(IntervalSeconds * BackoffRate ** tries, MaxDelaySeconds);
      ask(now + Math.random() * longest, born, stage, tries + 1);
    });

  for (let child = 0; child < Math.min(inFlight, keys); child++) next(child / 1000);
  const took = queue.run();
  waits.sort((a, b) => a - b);
  const share = (part: number): number => waits[Math.min(waits.length - 1, Math.floor(waits.length * part))] ?? 0;
  return {
    failed,
    waits: [share(0.5), share(0.99), share(1)],
    took,
    least: (keys * seconds) / environments,
    requestsPerSecond: requests / took,
  };
}

/** What happens when, in order: a binary heap. */
function createQueue() {
  const heap: { at: number; work: (now: number) => void }[] = [];
  const at = (place: number): number => heap[place]?.at ?? Number.POSITIVE_INFINITY;
  const swap = (a: number, b: number): void => {
    const [one, other] = [heap[a], heap[b]];
    if (one === undefined || other === undefined) return;
    heap[a] = other;
    heap[b] = one;
  };
  return {
    add(when: number, work: (now: number) => void): void {
      let place = heap.push({ at: when, work }) - 1;
      for (let above = (place - 1) >> 1; place > 0 && at(place) < at(above); above = (place - 1) >> 1) {
        swap(place, above);
        place = above;
      }
    },
    /** Runs until nothing is left; answers when that was. */
    run(): number {
      let now = 0;
      for (let first = heap[0]; first !== undefined; first = heap[0]) {
        const last = heap.pop();
        if (last !== undefined && heap.length > 0) heap[0] = last;
        for (let place = 0; ; ) {
          const left = 2 * place + 1;
          const smaller = at(left + 1) < at(left) ? left + 1 : left;
          if (at(place) <= at(smaller)) break;
          swap(place, smaller);
          place = smaller;
        }
        now = first.at;
        first.work(now);
      }
      return now;
    },
  };
}

/** What must hold: no key fails for throttling here. */
export const HELD: readonly Starvation[] = [
  ...[0.2, 0.5, 1.5, 3, 5].map((seconds) => ({ environments: 10, inFlight: 100, seconds, keys: 3000 })),
  { environments: 50, inFlight: 100, seconds: 1.5, keys: 3000 },
  { environments: 100, inFlight: 1000, seconds: 5, keys: 10_000 },
];
/** What no order of the queue can hold: the wait for one's turn alone is more than a child's life. Shown for comparison. */
const BEYOND: readonly Starvation[] = [{ environments: 10, inFlight: 1000, seconds: 5, keys: 3000 }];

if (import.meta.main) {
  console.log('environments  in flight  s/image  failed  waits p50 / p99 / max  took / least   requests/s');
  let broken = 0;
  for (const row of [...HELD, ...BEYOND]) {
    const { failed, waits, took, least, requestsPerSecond } = starve(row);
    if (HELD.includes(row)) broken += failed;
    const cells = [
      String(row.environments).padStart(12),
      String(row.inFlight).padStart(9),
      row.seconds.toFixed(1).padStart(7),
      `${failed} of ${row.keys}`.padStart(13),
      waits.map((wait) => wait.toFixed(0)).join(' / '),
      `${took.toFixed(0)} / ${least.toFixed(0)} s`,
      requestsPerSecond.toFixed(0),
    ];
    console.log(cells.join('  '));
  }
  if (broken > 0) {
    console.error(`expected no key to fail for throttling, ${broken} did`);
    process.exitCode = 1;
  }
}

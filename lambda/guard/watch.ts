// The guard of a run on AWS: looks at its Map Run every few seconds, lets it grow, and stops it when a guard says so.

import { BREAKER_ERROR, CAP_ERROR, DEADLINE_ERROR } from '../contract/guard-errors.ts';
import type { Guards } from '../contract/guards.ts';
import { createLastLooks, type Look, type Trip, tripOf, tripText } from './breaker.ts';
import type { Note } from './notes.ts';
import { rampedConcurrency } from './ramp.ts';
import { type Deployed, dollars, spentOnAws } from './spent.ts';

/** Milliseconds between two looks: Step Functions answers one a second for the whole account. */
export const LOOK_EVERY = 5000;

/** What the guard is started with, and goes on with: the state of its own state machine. */
export interface Watching {
  /** ARN of the execution that is watched. */
  readonly execution: string;
  /** When the attempt began, ISO 8601: what the deadline counts from. */
  readonly since: string;
  /** Whether the attempt is a redrive: what was done and spent before it is not of it. */
  readonly redrive?: boolean;
  /** What it knows from its earlier invocations. */
  readonly memory?: Memory;
}

export interface Memory {
  /** The breaker's looks. */
  readonly looks?: readonly Look[];
  /** Looks in a row at which too many failures had no class. */
  readonly unexplained?: number;
  /** What the ramp has set last; absent before it has set anything. */
  readonly concurrency?: number;
  /** Somebody else changed the concurrency: the ramp leaves it alone. */
  readonly yielded?: boolean;
  readonly spending?: Spending;
}

/** What the cap knows of a run. */
interface Spending {
  /** Epoch milliseconds of the last look, and the children that ran then. */
  readonly at: number;
  readonly running: number;
  /** The time that children have run for, all together. */
  readonly busySeconds: number;
  /** Counts where the attempt began. */
  readonly before: { readonly keys: number; readonly children: number };
  /** Requests of so many keys, as noted, and when they were read. */
  readonly noted: { readonly keys: number; readonly gets: number; readonly puts: number };
  readonly notedAt: number;
  /** US dollars, by the last look. */
  readonly spent: number;
}

/** How it stands: `OVER` when the run is, or when nothing is left to watch. */
export interface Watched extends Watching {
  readonly state: 'WATCHING' | 'OVER';
}

/** What DescribeMapRun tells, as far as the guard asks. */
export interface MapRunLook {
  readonly running: boolean;
  readonly succeeded: boolean;
  readonly maxConcurrency: number;
  /** Keys. Timed-out ones have failed. */
  readonly items: { readonly succeeded: number; readonly failed: number; readonly running: number };
  readonly children: { readonly started: number; readonly running: number };
}

export interface WatchDependencies {
  readonly guards: Guards;
  /** What the cap counts with. */
  readonly deployed: Deployed;
  /** Objects written for a key, at most. */
  readonly outputs: number;
  /** The execution's newest Map Run; undefined when there is none yet. */
  readonly mapRun: () => Promise<string | undefined>;
  readonly describe: (mapRun: string) => Promise<MapRunLook>;
  /** Whether the execution goes on. */
  readonly isRunning: () => Promise<boolean>;
  readonly update: (mapRun: string, maxConcurrency: number) => Promise<void>;
  readonly stop: (error: string, cause: string) => Promise<void>;
  /** What the environments of the image function have noted. */
  readonly notes: () => Promise<readonly Note[]>;
  readonly now?: () => number;
  readonly sleep?: (milliseconds: number) => Promise<void>;
}

/** In the ARN of a Map Run that is a canary's. */
const CANARY = '/Canary:';

/** What a class is called that no function has told: it ended without an answer, out of memory or time. */
const UNTOLD = 'Lambda.Unknown';

/** Looks after which a failure that no note tells of is one of a function that could not tell it. */
const PATIENCE = 3;

/** Milliseconds after which notes on requests are read again, and until when they are read at each look. */
const NOTES_EVERY = 60_000;

const sleeping = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/**
 * Watches until the run is over, or until `latest` (epoch milliseconds), and answers how it stands. Throws what its
 * dependencies throw.
 */
export async function watch(event: Watching, dependencies: WatchDependencies, latest: number): Promise<Watched> {
  const { guards, now = Date.now, sleep = sleeping } = dependencies;
  const memory: { -readonly [Name in keyof Memory]: Memory[Name] } = { ...event.memory };
  const begun = Date.parse(event.since);
  const end = guards.deadline === undefined ? Number.POSITIVE_INFINITY : begun + guards.deadline;
  const over = (state: Watched['state']): Watched => ({ ...event, memory, state });
  let mapRun: string | undefined;
  if (Object.keys(guards).length === 0) return over('OVER');

  /** Why the run is to be stopped, if it is. */
  async function judge(arn: string, look: MapRunLook): Promise<{ error: string; cause: string } | undefined> {
    const tooMuch = await overspent(look, event, dependencies, memory);
    if (tooMuch !== undefined) return { error: CAP_ERROR, cause: tooMuch };
    // A canary has its own rule, and is too small to grow.
    if (arn.includes(CANARY)) return undefined;
    const trip = await tripped(look, event, dependencies, memory);
    if (trip !== undefined && guards.breaker !== undefined) {
      return { error: BREAKER_ERROR, cause: tripText(trip, guards.breaker) };
    }
    await grow(arn, look, dependencies, memory);
    return undefined;
  }

  for (;;) {
    if (now() >= end) {
      // It may have ended this moment: then there is nothing to stop.
      if (await dependencies.isRunning()) await dependencies.stop(DEADLINE_ERROR, 'The deadline has come');
      return over('OVER');
    }
    mapRun ??= await dependencies.mapRun();
    const look = mapRun === undefined ? undefined : await dependencies.describe(mapRun);
    if (mapRun !== undefined && look?.running === true) {
      const why = await judge(mapRun, look);
      if (why !== undefined) {
        await dependencies.stop(why.error, why.cause);
        return over('OVER');
      }
    } else if (look?.succeeded === true && mapRun?.includes(CANARY) === true) {
      mapRun = undefined;
    } else if (look?.succeeded === true || !(await dependencies.isRunning())) {
      return over('OVER');
    }
    const wait = Math.min(LOOK_EVERY, Math.max(0, end - now()));
    if (now() + wait > latest) return over('WATCHING');
    await sleep(wait);
  }
}

type Keeping = { -readonly [Name in keyof Memory]: Memory[Name] };

/** By which class too many of the last keys failed. Notes are read only when failures of all classes are that many. */
async function tripped(
  { items }: MapRunLook,
  { since, redrive = false }: Watching,
  { guards: { breaker }, notes, now = Date.now }: WatchDependencies,
  memory: Keeping,
): Promise<Trip | undefined> {
  if (breaker === undefined) return undefined;
  const look: Look = { at: now(), done: items.succeeded + items.failed, failed: items.failed };
  const first = redrive ? look : { at: Date.parse(since), done: 0, failed: 0 };
  const last = createLastLooks(breaker.keys, memory.looks ?? [first]);
  const keys = last.add(look);
  memory.looks = last.looks;
  const all = keys && tripOf(breaker, keys, new Map([[UNTOLD, keys.failed]]));
  if (keys === undefined || all === undefined) {
    memory.unexplained = 0;
    return undefined;
  }
  const byClass = new Map<string, number>();
  for (const { failures } of await notes()) {
    for (const [at, error] of failures) if (at > keys.since) byClass.set(error, (byClass.get(error) ?? 0) + 1);
  }
  const told = [...byClass.values()].reduce((sum, count) => sum + count, 0);
  const trip = tripOf(breaker, keys, byClass);
  if (trip !== undefined) return trip;
  // A note may be a moment late; a function that ran out of memory writes none.
  const untold = tripOf(breaker, keys, new Map([[UNTOLD, keys.failed - told]]));
  memory.unexplained = untold === undefined ? 0 : (memory.unexplained ?? 0) + 1;
  return memory.unexplained >= PATIENCE ? untold : undefined;
}

/** Lets the run grow, unless somebody else has said how large it is to be. */
async function grow(
  mapRun: string,
  { items, maxConcurrency }: MapRunLook,
  { guards: { ramp }, update }: WatchDependencies,
  memory: Keeping,
): Promise<void> {
  if (ramp === undefined || memory.yielded === true) return;
  const before = memory.concurrency ?? rampedConcurrency(ramp, 0);
  if (maxConcurrency !== before) {
    // After a redrive it is what it was before.
    if (memory.concurrency !== undefined) memory.yielded = true;
    memory.concurrency = maxConcurrency;
    return;
  }
  const now = rampedConcurrency(ramp, items.succeeded);
  if (now > before) await update(mapRun, now);
  memory.concurrency = Math.max(now, before);
}

/** Why the run is to be stopped, when it has cost what it may, or will have by the next look. */
async function overspent(
  { items, children }: MapRunLook,
  { redrive = false }: Watching,
  { guards: { maxCost }, deployed, outputs, notes, now = Date.now }: WatchDependencies,
  memory: Keeping,
): Promise<string | undefined> {
  if (maxCost === undefined) return undefined;
  const at = now();
  const ended = items.succeeded + items.failed;
  const before = memory.spending ?? {
    ...{ at, running: children.running, busySeconds: 0, spent: 0, notedAt: 0, noted: NOTHING },
    before: redrive ? { keys: ended, children: children.started - children.running } : { keys: 0, children: 0 },
  };
  const seconds = (at - before.at) / 1000;
  const busySeconds = before.busySeconds + (seconds * (before.running + children.running)) / 2;
  const isDue = before.noted.keys === 0 || at - before.notedAt >= NOTES_EVERY;
  const noted = isDue ? sumOf(await notes()) : before.noted;
  // Until a key is known each may be made anew, with all its outputs.
  const gets = noted.keys === 0 ? 2 + outputs : noted.gets / noted.keys;
  const puts = noted.keys === 0 ? outputs : noted.puts / noted.keys;
  const keys = ended - before.before.keys;
  const counted = {
    children: children.started - before.before.children,
    ...{ busySeconds, gets: gets * keys, puts: puts * keys },
  };
  const spent = spentOnAws(counted, deployed);
  const last = { ...{ at, running: children.running, busySeconds, noted, spent }, before: before.before };
  memory.spending = { ...last, notedAt: isDue ? at : before.notedAt };
  // What runs is finished, whatever is said now, and until the next look the run goes on as it did.
  const perChild = counted.children === 0 ? 0 : busySeconds / counted.children;
  const begun = spentOnAws(
    {
      children: counted.children,
      busySeconds: busySeconds + perChild * children.running,
      gets: counted.gets + (2 + outputs) * items.running,
      puts: counted.puts + outputs * items.running,
    },
    deployed,
  );
  const untilNextLook = seconds === 0 ? 0 : ((spent - before.spent) / seconds) * (LOOK_EVERY / 1000);
  if (begun + untilNextLook <= maxCost) return undefined;
  return `The run has cost about ${dollars(spent)} by list prices, and with what runs would pass the ${dollars(maxCost)} that it may`;
}

const NOTHING = { keys: 0, gets: 0, puts: 0 };

function sumOf(notes: readonly Note[]): Spending['noted'] {
  return notes.reduce(
    (sum, { keys, gets, puts }) => ({ keys: sum.keys + keys, gets: sum.gets + gets, puts: sum.puts + puts }),
    NOTHING,
  );
}

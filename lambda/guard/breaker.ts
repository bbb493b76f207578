// The breaker: when the keys that ended last fail by one class above a share.
import type { Breaker } from '../contract/guards.ts';
import { exceedsPercentage } from '../contract/tolerance.ts';

/** A look at a run. `at` only ever grows: a time, or a number of looks. Counts are of all keys that have ended so far. */
export interface Look {
  readonly at: number;
  readonly done: number;
  readonly failed: number;
}

/** The keys that ended last: after `since`, and by the last look. */
export interface LastKeys {
  readonly since: number;
  readonly keys: number;
  readonly failed: number;
}

export interface LastLooks {
  /** Takes one more look; answers the last keys once there are as many as asked for. */
  add(look: Look): LastKeys | undefined;
  /** Those that are kept, the oldest first: what goes on later begins with them. */
  readonly looks: readonly Look[];
}

/**
 * Keeps as few of the last looks as hold `keys` keys between them. With a look at each key these are the last `keys` keys;
 * with one every few seconds, the keys of the fewest looks that are not less.
 */
export function createLastLooks(keys: number, earlier: readonly Look[] = [{ at: 0, done: 0, failed: 0 }]): LastLooks {
  const looks = [...earlier];
  return {
    looks,
    add(look) {
      looks.push(look);
      while (looks[1] !== undefined && look.done - looks[1].done >= keys) looks.shift();
      const [oldest = look] = looks;
      const ended = look.done - oldest.done;
      return ended < keys ? undefined : { since: oldest.at, keys: ended, failed: look.failed - oldest.failed };
    },
  };
}

/** The class by which too many of the last keys have failed. */
export interface Trip {
  readonly error: string;
  readonly failed: number;
  readonly keys: number;
}

/**
 * Whether one class is above the breaker's share of the last keys. `byClass` counts their failures. What was tried more than
 * once may be told more than once: no class counts for more than have failed in all.
 */
export function tripOf(
  { percentage }: Breaker,
  { keys, failed }: LastKeys,
  byClass: ReadonlyMap<string, number>,
): Trip | undefined {
  let worst: Trip | undefined;
  for (const [error, count] of byClass) {
    const counted = Math.min(count, failed);
    if (counted > (worst?.failed ?? 0)) worst = { error, failed: counted, keys };
  }
  return worst !== undefined && exceedsPercentage(worst.failed, worst.keys, percentage) ? worst : undefined;
}

/** Why the run is stopped, for a person. */
export function tripText({ error, failed, keys }: Trip, { percentage }: Breaker): string {
  return `Of the last ${keys} keys ${failed} failed by ${error}: more than ${percentage} %`;
}

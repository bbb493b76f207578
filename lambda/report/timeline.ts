// How an attempt went in time, from its records: keys done, failed and tried again, and children at once, in steps of bounded number.

import type { Summary } from './summary.ts';

/** An attempt's course in equal steps; each array has one number per step. */
export type Timeline = NonNullable<Summary['attempts'][number]['timeline']>;

interface Step {
  keys: number;
  failed: number;
  busy: number;
}

/** What a time line holds, for a file. */
export interface TimelineState {
  readonly step: number;
  readonly least: number;
  readonly most: number;
  readonly steps: readonly (readonly [place: number, step: Readonly<Step>])[];
}

/** Most steps: what a screen can show. Between half of it and all of it are used. */
const MOST_STEPS = 240;
const FIRST_STEP = 50;

/** A time line to which children are added in any order: memory does not follow their number. */
export function createTimeline() {
  let step = FIRST_STEP;
  let steps = new Map<number, Step>();
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;

  /** Makes room for the time. */
  function reach(from: number, to: number): void {
    least = Math.min(least, from);
    most = Math.max(most, to);
    while (Math.floor(most / step) - Math.floor(least / step) >= MOST_STEPS) double();
  }

  function double(): void {
    step *= 2;
    const merged = new Map<number, Step>();
    for (const [place, { keys, failed, busy }] of steps) {
      const into = at(merged, Math.floor(place / 2));
      into.keys += keys;
      into.failed += failed;
      into.busy += busy;
    }
    steps = merged;
  }

  return {
    /** A child that worked from then until then (ISO 8601) on so many keys, of which some failed. */
    add(started: string, ended: string, keys: number, failed: number): void {
      const from = Date.parse(started);
      const to = Date.parse(ended);
      if (!(to >= from)) return;
      reach(from, to);
      const last = Math.floor(to / step);
      const end = at(steps, last);
      end.keys += keys;
      end.failed += failed;
      for (let place = Math.floor(from / step); place <= last; place++) {
        at(steps, place).busy += Math.min(to, (place + 1) * step) - Math.max(from, place * step);
      }
    },
    /** Adds what another time line of the same attempt holds. */
    merge(other: TimelineState): void {
      if (other.steps.length === 0) return;
      while (step < other.step) double();
      const more = step / other.step;
      for (const [place, { keys, failed, busy }] of other.steps) {
        const into = at(steps, Math.floor(place / more));
        into.keys += keys;
        into.failed += failed;
        into.busy += busy;
      }
      reach(other.least, other.most);
    },
    state: (): TimelineState => ({
      step,
      least: least === Number.POSITIVE_INFINITY ? 0 : least,
      most: Number.isFinite(most) ? most : 0,
      steps: [...steps],
    }),
    /** Undefined when nothing has a time. */
    result(): Timeline | undefined {
      if (steps.size === 0) return undefined;
      const first = Math.floor(least / step);
      const all = Array.from({ length: Math.floor(most / step) - first + 1 }, (_, place) => steps.get(first + place));
      return {
        from: new Date(first * step).toISOString(),
        step,
        keys: all.map((one) => one?.keys ?? 0),
        failed: all.map((one) => one?.failed ?? 0),
        inFlight: all.map((one) => Math.round(((one?.busy ?? 0) / step) * 10) / 10),
      };
    },
  };
}

function at(steps: Map<number, Step>, place: number): Step {
  const step = steps.get(place) ?? { keys: 0, failed: 0, busy: 0 };
  steps.set(place, step);
  return step;
}

// Between the two Maps of an account in parts: what all ranges have found, and which parts of the items that makes.
import { FanoutError } from '../../contract/errors.ts';
import { together } from '../../contract/together.ts';
import type { Store } from '../../store/store.ts';
import { type Collected, createFindings, type Seen } from '../collect.ts';
import type { Ledger } from '../ledger.ts';
import { createTimeline, type Timeline } from '../timeline.ts';
import { FILES, type PartTask, type Plan, readWork, type SortedRange, type Work, writeWork } from './work.ts';

/** Ranges that are read at once. */
const AT_ONCE = 32;

/** Writes the list of parts for the Map over them. Throws where a range has no result: its rows would be missing. */
export async function gatherParts(store: Store, work: Work): Promise<number> {
  const plan = await readWork<Plan>(store, work, FILES.plan);
  const tasks = new Map<number, { rows: number; ranges: number[] }>();
  for await (const { number, rows } of sortedRanges(store, work, plan)) {
    for (const [part, count] of rows) {
      const task = tasks.get(part) ?? { rows: 0, ranges: [] };
      tasks.set(part, task);
      task.rows += count;
      task.ranges.push(number);
    }
  }
  const parts = [...tasks]
    .sort(([a], [b]) => a - b)
    .map(([part, task]): PartTask => ({ part, first: part * plan.places, ...task }));
  await writeWork(store, work, FILES.parts, parts);
  return parts.length;
}

/** What was found in all result files, as if one function had read them; what was used is added to the ledger. */
export async function findingsOf(store: Store, work: Work, plan: Plan, ledger?: Ledger): Promise<Collected> {
  const findings = createFindings();
  const ranges: SortedRange[] = [];
  for await (const range of sortedRanges(store, work, plan)) {
    ranges.push(range);
    if (range.ledger !== undefined) ledger?.merge(range.ledger);
  }
  for (const [number, attempt] of plan.attempts.entries()) {
    const files = new Map<string, Seen>();
    const timeline = createTimeline();
    for (const { key, attempt, number: at } of plan.ranges) {
      const range = ranges[at];
      if (attempt !== number || range === undefined) continue;
      files.set(key, both(files.get(key), range.seen));
      if (range.timeline !== undefined) timeline.merge(range.timeline);
    }
    const course: Timeline | undefined = timeline.result();
    findings.addAttempt(attempt, [...files], course);
  }
  return findings.result();
}

function both(a: Seen | undefined, b: Seen): Seen {
  if (a === undefined) return b;
  const started = [a.started, b.started].filter((one) => one !== undefined).sort()[0];
  const ended = [a.ended, b.ended]
    .filter((one) => one !== undefined)
    .sort()
    .at(-1);
  return {
    records: a.records + b.records,
    torn: a.torn + b.torn,
    unreadable: a.unreadable + b.unreadable,
    ...(started === undefined ? {} : { started }),
    ...(ended === undefined ? {} : { ended }),
  };
}

/** In order, some at a time. */
async function* sortedRanges(store: Store, work: Work, { ranges }: Plan): AsyncGenerator<SortedRange> {
  for (let at = 0; at < ranges.length; at += AT_ONCE) {
    yield* await together(ranges.slice(at, at + AT_ONCE), async ({ number }) => {
      const found = await readWork<SortedRange>(store, work, FILES.sorted(number));
      if (found.number !== number)
        throw new FanoutError('UnexpectedError', `expected the result of range ${number}, got that of ${found.number}`);
      return found;
    });
  }
}

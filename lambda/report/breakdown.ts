// What the rows of an account add up to by group: bytes by source format and by output, and how long each stage took, in classes.
import { outputTotals, type StageTimes } from '../contract/outcome.ts';
import type { ItemRow } from './item-row.ts';

/** Upper bounds in milliseconds of the classes of a distribution; the last class has none. */
export const BOUNDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000] as const;

/** Foreign content may make up formats and names without end. */
const MOST_GROUPS = 100;
const MOST_LARGEST = 10;

interface Format {
  format: string;
  keys: number;
  bytesIn: number;
  bytesOut: number;
}

interface Rendition {
  name: string;
  format: string;
  written: number;
  upToDate: number;
  bytes: number;
  bytesIn: number;
}

interface Largest {
  index: number;
  key: string;
  bytes: number;
}

/** What a breakdown has counted, for a file. */
export interface BreakdownState {
  readonly formats: readonly Format[];
  readonly renditions: readonly (readonly [name: string, group: Rendition])[];
  readonly largest: readonly Largest[];
  readonly distribution: Readonly<Record<keyof StageTimes, readonly number[]>>;
}

type Row = Extract<ItemRow, { status: 'succeeded' }>;

/** Counts to which rows are added, each key once. Only keys that succeeded count, but for the times. */
export function createBreakdown() {
  const formats = new Map<string, Format>();
  const renditions = new Map<string, Rendition>();
  const largest: Largest[] = [];
  const distribution: Record<keyof StageTimes, number[]> = {
    read: noneYet(),
    transform: noneYet(),
    write: noneYet(),
    total: noneYet(),
  };

  function formatOf(name: string): Format {
    return groupOf(formats, name, (format) => ({ format, keys: 0, bytesIn: 0, bytesOut: 0 }));
  }

  function renditionOf(name: string): Rendition {
    return groupOf(renditions, name, (text) => {
      const [first = text, second = ''] = text === OTHER ? [] : (JSON.parse(text) as string[]);
      return { name: first, format: second, written: 0, upToDate: 0, bytes: 0, bytesIn: 0 };
    });
  }

  function addSource(row: Row): void {
    const name = row.source.format ?? 'not decoded';
    const group = formatOf(name);
    group.keys++;
    group.bytesIn += row.source.bytes;
    group.bytesOut += outputTotals(row).bytes;
    const { index, key, source } = row;
    keepLargest(largest, { index, key, bytes: source.bytes });
  }

  function addOutputs({ source, outputs }: Row): void {
    for (const { name, format, bytes, upToDate } of outputs) {
      const group = renditionOf(JSON.stringify([name, format]));
      if (upToDate === true) {
        group.upToDate++;
        continue;
      }
      group.written++;
      group.bytes += bytes;
      group.bytesIn += source.bytes;
    }
  }

  return {
    add(row: ItemRow): void {
      if (row.status !== 'succeeded' && row.status !== 'failed') return;
      for (const stage of Object.keys(distribution) as (keyof StageTimes)[]) {
        const took = row.ms?.[stage] ?? 0;
        if (took <= 0) continue;
        const place = BOUNDS.findIndex((bound) => took <= bound);
        const classes = distribution[stage];
        const at = place < 0 ? BOUNDS.length : place;
        classes[at] = (classes[at] ?? 0) + 1;
      }
      if (row.status !== 'succeeded') return;
      addSource(row);
      addOutputs(row);
    },
    /** Adds what another breakdown of later keys has counted. */
    merge(other: BreakdownState): void {
      for (const { format, keys, bytesIn, bytesOut } of other.formats) {
        const group = formatOf(format);
        group.keys += keys;
        group.bytesIn += bytesIn;
        group.bytesOut += bytesOut;
      }
      for (const [name, { written, upToDate, bytes, bytesIn }] of other.renditions) {
        const group = renditionOf(name);
        group.written += written;
        group.upToDate += upToDate;
        group.bytes += bytes;
        group.bytesIn += bytesIn;
      }
      for (const one of other.largest) keepLargest(largest, one);
      for (const stage of Object.keys(distribution) as (keyof StageTimes)[]) {
        distribution[stage] = distribution[stage].map(
          (count, place) => count + (other.distribution[stage][place] ?? 0),
        );
      }
    },
    state: (): BreakdownState => ({
      formats: [...formats.values()],
      renditions: [...renditions],
      largest,
      distribution,
    }),
    result: () => ({
      formats: [...formats.values()].sort((a, b) => b.bytesIn - a.bytesIn || (a.format < b.format ? -1 : 1)),
      renditions: [...renditions.values()],
      largest,
      distribution: { bounds: [...BOUNDS], ...distribution },
    }),
  };
}

const OTHER = 'other';

function groupOf<T>(groups: Map<string, T>, name: string, make: (name: string) => T): T {
  const key = groups.has(name) || groups.size < MOST_GROUPS ? name : OTHER;
  const group = groups.get(key) ?? make(key);
  groups.set(key, group);
  return group;
}

function noneYet(): number[] {
  return Array.from({ length: BOUNDS.length + 1 }, () => 0);
}

function keepLargest(largest: Largest[], one: Largest): void {
  if (largest.length === MOST_LARGEST && one.bytes <= (largest.at(-1)?.bytes ?? 0)) return;
  const after = largest.findIndex(({ bytes }) => bytes < one.bytes);
  largest.splice(after < 0 ? largest.length : after, 0, one);
  largest.length = Math.min(largest.length, MOST_LARGEST);
}

// The strata of a listing, by format and size, each with some of its keys drawn by chance while they pass.
import type { Chance } from '../estimate/chance.ts';

/** A key that may be looked at: its place in the listing, and the item as the reader gave it. */
export interface Candidate {
  readonly index: number;
  readonly value: unknown;
}

/** Keys alike: one format by extension, sizes of one order. */
export interface Stratum {
  readonly format: string;
  /** The power of four that its bytes are at least; -1 where no size is known. */
  readonly order: number;
  readonly keys: number;
  readonly bytes: number;
  /** Drawn so that each of the stratum's keys had the same chance, in an order of chance. */
  readonly candidates: readonly Candidate[];
}

/** A stratum with those of its candidates that are to be looked at. */
export interface Drawn extends Stratum {
  readonly sample: readonly Candidate[];
}

export interface Strata {
  add(format: string, bytes: number | undefined, candidate: Candidate): void;
  all(): readonly Stratum[];
}

/** Formats that have strata of their own; beyond, all others share theirs. */
const MOST_FORMATS = 48;
const OTHERS = 'others';

/** Makes strata that keep `room` candidates each: R. Waterman's reservoir (Knuth, TAOCP 2, 3.4.2, algorithm R). */
export function createStrata(room: number, chance: Chance): Strata {
  const strata = new Map<string, { format: string; order: number; keys: number; bytes: number; kept: Candidate[] }>();
  const formats = new Set<string>();
  return {
    add(given, bytes, candidate) {
      const known = formats.has(given) || formats.size < MOST_FORMATS;
      if (known) formats.add(given);
      const format = known ? given : OTHERS;
      const order = bytes === undefined ? -1 : bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 2);
      const name = `${order} ${format}`;
      let stratum = strata.get(name);
      if (stratum === undefined) {
        stratum = { format, order, keys: 0, bytes: 0, kept: [] };
        strata.set(name, stratum);
      }
      stratum.keys++;
      stratum.bytes += bytes ?? 0;
      if (stratum.kept.length < room) stratum.kept.push(candidate);
      else {
        const place = Math.floor(chance() * stratum.keys);
        if (place < room) stratum.kept[place] = candidate;
      }
    },
    all: () =>
      [...strata.values()]
        .map(({ kept, ...rest }) => ({ ...rest, candidates: shuffled(kept, chance) }))
        .sort((a, b) => (a.format < b.format ? -1 : a.format > b.format ? 1 : a.order - b.order)),
  };
}

/** The fewest of a stratum that tell anything of its spread. */
const LEAST = 4;

/**
 * Draws so many keys. Each stratum has at least four, strata too small for that are put together; the rest is shared out
 * half by keys, for what is counted, and half by bytes, as time and bytes go with these.
 */
export function draw(strata: readonly Stratum[], size: number, chance: Chance): Drawn[] {
  const merged = together(strata, Math.max(1, Math.floor(size / LEAST)), chance);
  const keys = merged.reduce((sum, stratum) => sum + stratum.keys, 0);
  const bytes = merged.reduce((sum, stratum) => sum + stratum.bytes, 0);
  const least = merged.map((stratum) => Math.min(LEAST, stratum.candidates.length));
  const most = merged.map((stratum) => stratum.candidates.length);
  const left = Math.max(0, size - least.reduce((sum, one) => sum + one, 0));
  const weights = merged.map((stratum) =>
    bytes === 0 ? stratum.keys / keys : (stratum.keys / keys + stratum.bytes / bytes) / 2,
  );
  const counts = shareOut(left, weights, least, most);
  return merged.map((stratum, place) => ({ ...stratum, sample: stratum.candidates.slice(0, counts[place]) }));
}

/** The samples of all strata in one order, so that any beginning of it is a sample too. */
export function inTurns(drawn: readonly Drawn[]): { readonly stratum: number; readonly candidate: Candidate }[] {
  return drawn
    .flatMap(({ sample }, stratum) =>
      sample.map((candidate, place) => ({ stratum, candidate, when: (place + 0.5) / sample.length })),
    )
    .sort((a, b) => a.when - b.when)
    .map(({ stratum, candidate }) => ({ stratum, candidate }));
}

/** Puts the smallest strata together with their neighbours until there are few enough: first within a format. */
function together(strata: readonly Stratum[], most: number, chance: Chance): readonly Stratum[] {
  let all = [...strata];
  while (all.length > most) {
    let [best, at] = [Number.POSITIVE_INFINITY, 0];
    for (let place = 0; place + 1 < all.length; place++) {
      const [one, other] = [all[place] as Stratum, all[place + 1] as Stratum];
      // Of another format is worse than of another size, however small.
      const price = one.keys + other.keys + (one.format === other.format ? 0 : 1e15);
      if (price < best) [best, at] = [price, place];
    }
    const [one, other] = [all[at] as Stratum, all[at + 1] as Stratum];
    all = [...all.slice(0, at), union(one, other, chance), ...all.slice(at + 2)];
  }
  return all;
}

/** Two strata as one: its candidates are drawn from both, so that each key has the same chance again. */
function union(one: Stratum, other: Stratum, chance: Chance): Stratum {
  const room = Math.max(one.candidates.length, other.candidates.length);
  const candidates: Candidate[] = [];
  let [a, b] = [0, 0];
  while (candidates.length < room) {
    const fromOne = chance() * (one.keys - a + other.keys - b) < one.keys - a;
    const next = fromOne ? one.candidates[a++] : other.candidates[b++];
    // Its reservoir is used up: what follows would not be drawn evenly any more.
    if (next === undefined) break;
    candidates.push(next);
  }
  return {
    format: one.format === other.format ? one.format : OTHERS,
    order: Math.min(one.order, other.order),
    keys: one.keys + other.keys,
    bytes: one.bytes + other.bytes,
    candidates,
  };
}

/** Shares `amount` out by weights, on top of `least`, and no more than `most` each: the largest remainders get the rest. */
function shareOut(
  amount: number,
  weights: readonly number[],
  least: readonly number[],
  most: readonly number[],
): number[] {
  const counts = [...least];
  let left = amount;
  for (;;) {
    const open = counts.flatMap((count, place) => (count < (most[place] ?? 0) ? [place] : []));
    const weight = open.reduce((sum, place) => sum + (weights[place] ?? 0), 0);
    if (left <= 0 || open.length === 0 || weight === 0) return counts;
    const wished = open.map((place) => ({ place, wish: (left * (weights[place] ?? 0)) / weight }));
    let given = 0;
    for (const { place, wish } of wished) {
      const more = Math.min(Math.floor(wish), (most[place] ?? 0) - (counts[place] ?? 0));
      counts[place] = (counts[place] ?? 0) + more;
      given += more;
    }
    if (given === 0) {
      for (const { place } of wished.sort((a, b) => b.wish - a.wish).slice(0, left)) {
        counts[place] = (counts[place] ?? 0) + 1;
        given++;
      }
    }
    left -= given;
  }
}

function shuffled<T>(values: readonly T[], chance: Chance): T[] {
  const all = [...values];
  for (let last = all.length - 1; last > 0; last--) {
    const place = Math.floor(chance() * (last + 1));
    [all[last], all[place]] = [all[place] as T, all[last] as T];
  }
  return all;
}

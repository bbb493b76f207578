// Counts of values in classes that are exact to three significant digits: percentiles of any number of values, and mergeable.

/** As https://hdrhistogram.github.io/HdrHistogram/ has it: 2,048 classes of equal width, then for each doubling 1,024 more. */
const WIDE = 2048;
const HALF = WIDE / 2;

/** What a histogram holds, for a file: the place and the count of each class that has any, and the largest value. */
export interface HistogramState {
  readonly classes: readonly (readonly [place: number, count: number])[];
  readonly max: number;
}

/** A histogram to which whole numbers from 1 are added. */
export function createHistogram() {
  const counts: number[] = [];
  let total = 0;
  let max = 0;

  function addAt(place: number, count: number): void {
    counts[place] = (counts[place] ?? 0) + count;
    total += count;
  }

  return {
    record(value: number): void {
      addAt(placeOf(value), 1);
      if (value > max) max = value;
    },
    merge(state: HistogramState): void {
      for (const [place, count] of state.classes) addAt(place, count);
      max = Math.max(max, state.max);
    },
    count: () => total,
    max: () => max,
    /** The highest value of the class that holds the one below which so many of a hundred are. */
    percentile(percent: number): number {
      const wanted = Math.max(1, Math.ceil((percent / 100) * total));
      let sum = 0;
      for (const place of Object.keys(counts)) {
        sum += counts[Number(place)] ?? 0;
        if (sum >= wanted) return highestOf(Number(place));
      }
      return 0;
    },
    state: (): HistogramState => ({
      classes: Object.keys(counts).map((place) => [Number(place), counts[Number(place)] ?? 0] as const),
      max,
    }),
  };
}

export type Histogram = ReturnType<typeof createHistogram>;

function placeOf(value: number): number {
  if (value < WIDE) return value;
  const doublings = Math.floor(Math.log2(value)) - 10;
  return doublings * HALF + Math.floor(value / 2 ** doublings);
}

function highestOf(place: number): number {
  if (place < WIDE) return place;
  const doublings = Math.floor(place / HALF) - 1;
  return (place - doublings * HALF + 1) * 2 ** doublings - 1;
}

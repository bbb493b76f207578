// Contenders in turn: every round runs each of them once, so that a busy machine slows all of them alike.

export interface Contender {
  readonly name: string;
  /** Does the work once and answers how many seconds it took. `round` counts from 0; the warm-up is round -1. */
  run(round: number): Promise<number>;
}

export interface Measured {
  readonly name: string;
  /** Seconds per round, in the order of the rounds. */
  readonly seconds: readonly number[];
}

/**
 * Runs all contenders once to warm up caches (not counted), then `rounds` times in turn. Every other round goes
 * backwards: what follows the slowest one is not always the same.
 */
export async function inTurn(contenders: readonly Contender[], rounds: number): Promise<Measured[]> {
  const seconds = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  for (const contender of contenders) await contender.run(-1);
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? contenders : contenders.toReversed();
    for (const { name, run } of order) seconds.get(name)?.push(await run(round));
  }
  return [...seconds].map(([name, list]) => ({ name, seconds: list }));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** How many times as fast as the reference, round by round: what the machine did in between cancels out. */
export function speedRatios(own: Measured, reference: Measured): number[] {
  return own.seconds.map((seconds, round) => (reference.seconds[round] ?? Number.NaN) / seconds);
}

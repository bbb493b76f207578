// Work side by side of which nothing is left behind: all of it has ended before a failure is told.

/**
 * Starts the work on all values at once and answers the results in their order. When some fail, it waits for the others
 * to end and then throws the failure that came first in time: nothing goes on behind the caller's back, and no failure is
 * left without somebody who awaits it, as `Promise.all` leaves both.
 */
export async function together<T, R>(
  values: readonly T[],
  work: (value: T, place: number) => R | Promise<R>,
): Promise<R[]> {
  const failures: unknown[] = [];
  const results: R[] = [];
  await Promise.all(
    values.map(async (value, place) => {
      try {
        results[place] = await work(value, place);
      } catch (error) {
        failures.push(error);
      }
    }),
  );
  if (failures.length > 0) throw failures[0];
  return results;
}

// What is being tried again is told while it is: a server that is gone for good must not look like a slow one.
import { printable } from '../../lambda/report/printable.ts';
import { formatDuration } from '../../lambda/report/units.ts';

/** What passes within this many milliseconds is not worth a word. */
const PATIENCE = 3_000;
/** At most one sentence in so many milliseconds, however many requests fail. */
const BETWEEN = 15_000;

export type OnRetry = (error: { readonly name: string; readonly message: string }, milliseconds: number) => void;

/** Makes the listener: told of each failure that another try follows, it says the first that lasts, and then one now and then. */
export function tellRetries(say: (text: string) => void, now: () => number = () => performance.now()): OnRetry {
  let last = Number.NEGATIVE_INFINITY;
  return ({ name, message }, milliseconds) => {
    if (milliseconds < PATIENCE || now() - last < BETWEEN) return;
    last = now();
    say(printable(`Trying again for ${formatDuration(milliseconds)}: ${name}: ${message}`));
  };
}

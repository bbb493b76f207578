// Stops a run in time: what has not begun goes back at once, what has is awaited for as long as the grace lasts.
import { printable } from '../../lambda/report/printable.ts';
import { formatCount } from '../../lambda/report/units.ts';
import type { StopReason } from '../local/execution.ts';
import type { Display } from './display.ts';
import type { Running } from './execute.ts';

export interface Drain {
  /** Begins it; a second time changes nothing but the reason that was not given yet. */
  begin(running: Running, reason?: StopReason): void;
  /** Stops the run: what has not begun goes back, the rest is awaited for as long as it takes. */
  stop(running: Running, reason: StopReason): void;
  /** Of a run that starts nothing more by itself: what has not begun goes back, the rest is awaited for as long as it takes. */
  takeBack(running: Running): void;
  /** Whether images may have been left half-way: threads of this process may still work on them. */
  readonly begun: boolean;
  clear(): void;
}

/** A timer of Node holds no more milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Makes one. `grace` is milliseconds. Outputs are whole or not there: so ending an image half-way only costs its work. */
export function createDrain(grace: number, display: Display): Drain {
  let timer: NodeJS.Timeout | undefined;
  let begun = false;
  return {
    begin({ execution, progress }, reason) {
      begun = true;
      execution.stop(reason);
      if (timer !== undefined) return;
      progress.draining(grace);
      timer = setTimeout(
        () => {
          const { waiting } = progress.read();
          execution.abort();
          if (waiting === undefined || waiting.children === 0) return;
          const named = waiting.keys.map(printable).join(', ');
          const more = waiting.children - waiting.keys.length;
          display.say(
            `Not waiting longer: ${named}${more > 0 ? ` and ${formatCount(more)} more` : ''} ended, and pending.`,
          );
        },
        Math.min(grace, LONGEST_TIMER),
      );
    },
    stop({ execution, progress }, reason) {
      begun = true;
      execution.stop(reason);
      progress.draining();
    },
    takeBack({ execution, progress }) {
      begun = true;
      execution.takeBack();
      progress.draining();
    },
    get begun() {
      return begun;
    },
    clear: () => clearTimeout(timer),
  };
}

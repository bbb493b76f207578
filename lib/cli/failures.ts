// Names failures on standard error as they happen: each in one line, up to a number that keeps a terminal usable.
import { styleText } from 'node:util';
import { printable } from '../../lambda/report/printable.ts';
import { formatCount } from '../../lambda/report/units.ts';
import type { Display } from './display.ts';
import { failureLine } from './summary.ts';

/** A key that failed for good. */
export interface KeyFailure {
  /** Place in the input order, from 0. */
  readonly index: number;
  /** Whole key of the source bucket, or path below the source directory. */
  readonly key: string;
  /** Its class, as in docs/reliability.md. */
  readonly error: string;
  /** One sentence for a person, with the key in it. */
  readonly message: string;
}

/** When more has failed than is tolerated: how many, and what the job tolerates in words. */
export interface Threshold {
  readonly failed: number;
  readonly tolerated: string;
}

export interface FailureTeller {
  failed(failure: KeyFailure): void;
  /** Names the failure that passed the tolerance, which is the latest one. */
  exceeded(threshold: Threshold): void;
  /** Says how many were not named, if any. */
  end(): void;
}

/** Failures named one by one on standard error; with `json`, and in a log file, all of them are. */
const MOST_NAMED = 20;

/** Makes one. */
export function tellFailures(display: Display, stream: NodeJS.WriteStream, json: boolean): FailureTeller {
  let count = 0;
  let latest: KeyFailure | undefined;
  return {
    failed({ index, key, error, message }) {
      count += 1;
      latest = { index, key, error, message };
      if (json) display.event('failed', latest);
      else {
        const text = `${styleText('red', 'Failed:', { stream })} ${printable(key)}: ${failureLine({ error, message })}`;
        if (count <= MOST_NAMED) display.say(text);
        else display.log(text);
      }
    },
    exceeded({ failed, tolerated }) {
      if (json) display.event('thresholdExceeded', { key: latest?.key, failed, tolerated });
      else {
        const which = latest === undefined ? '' : `${printable(latest.key)} is `;
        display.say(
          `The run stops: ${which}failure ${formatCount(failed)}, and ${tolerated}. Finishing what has begun, starting nothing new.`,
        );
      }
    },
    end() {
      if (!json && count > MOST_NAMED) {
        display.say(`${formatCount(count - MOST_NAMED)} more failed; the account names them all.`);
      }
    },
  };
}

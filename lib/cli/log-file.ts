// The log file of a run: everything that is said, each failure and the summary, line by line with the time.
import { openSync, writeSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { UsageError } from './command.ts';
import type { Display } from './display.ts';

/** An open log file. */
export interface LogFile {
  readonly path: string;
  readonly descriptor: number;
}

/**
 * A display whose messages and events are in the file as well: as text, or with `json` as JSON lines. What follows is
 * appended to what is there. A file that cannot be written any more is said once, and no reason to stop a run.
 */
export function withLogFile(
  display: Display,
  { path, descriptor }: LogFile,
  { json }: { readonly json: boolean },
): Display {
  let broken = false;

  function put(line: string): void {
    if (broken) return;
    try {
      writeSync(descriptor, `${line}\n`);
    } catch (error) {
      broken = true;
      display.say(`The log ${path} could not be written: ${(error as Error).message}. The run goes on without it.`);
    }
  }

  const event = (name: string, fields: object): void =>
    put(JSON.stringify({ at: new Date().toISOString(), event: name, ...fields }));
  const log = (text: string): void => {
    const plain = stripVTControlCharacters(text).trimEnd();
    if (json) event('message', { text: plain });
    else for (const line of plain.split('\n')) put(`${new Date().toISOString()} ${line}`);
  };
  return {
    say(text) {
      log(text);
      display.say(text);
    },
    event(name, fields) {
      if (json) event(name, fields);
      display.event(name, fields);
    },
    log,
    end: () => display.end(),
  };
}

/** Opens a log file to append to it. Throws UsageError when that cannot be. */
export function openLogFile(path: string): LogFile {
  try {
    return { path, descriptor: openSync(path, 'a') };
  } catch (error) {
    throw new UsageError(`--log-file: expected a file that can be written, got ${path}: ${(error as Error).message}`);
  }
}

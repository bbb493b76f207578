// The same job on the embedded engine, by the command line: the other side of every comparison.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { formatLocation, type Location } from '../lambda/contract/location.ts';
import { results } from './stack.ts';

export interface LocalRun {
  readonly code: number | null;
  readonly summary: { readonly run: string; readonly status: string };
  readonly folder: Location;
}

export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs one of the command line's commands. */
export async function imageFanout(...args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['bin/image-fanout.js', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once('close', resolve)),
  ]);
  return { code, output, errors };
}

/** Runs a job here, its account beside those of the deployed stack. `options` are the command's. */
export async function runHere(
  source: Location,
  destination: Location,
  ...options: readonly string[]
): Promise<LocalRun> {
  const places = [source, destination].map(formatLocation);
  const { code, output, errors } = await imageFanout(
    'run',
    ...places,
    '--results',
    formatLocation(results),
    '--json',
    ...options,
  );
  if (output === '') throw new Error(`image-fanout run answered nothing, and ended with ${code}:\n${errors}`);
  const summary = JSON.parse(output) as LocalRun['summary'];
  return { code, summary, folder: { bucket: results.bucket, prefix: `${results.prefix}runs/${summary.run}/` } };
}

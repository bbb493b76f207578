// What a destination directory holds at a moment, a killed run's included: the outputs by content, and the keys on record.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

const OWN = '.image-fanout';

/** Every output below a destination: its path with `/`, and a digest of its bytes. */
export function outputsOf(destination: string): Map<string, string> {
  const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  return new Map(filesBelow(destination).map((path) => [slashed(relative(destination, path)), digest(path)]));
}

/** The folders of runs that can be continued: those whose job is on record. */
export function runsOf(destination: string): string[] {
  const runs = join(destination, OWN, 'runs');
  if (!existsSync(runs)) return [];
  return readdirSync(runs)
    .map((id) => join(runs, id))
    .filter((folder) => existsSync(join(folder, 'job.json')))
    .sort();
}

export interface RecordedKey {
  readonly key: string;
  readonly status: string;
  readonly outputs: readonly string[];
}

/** The keys whose success stands in a run's result files, once per record: whole lines only, as a kill may tear the last. */
export function keysOnRecord(runFolder: string): RecordedKey[] {
  const files = readdirSync(runFolder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /SUCCEEDED_\d+\.jsonl$/.test(name),
  );
  return files.flatMap((name) => {
    const lines = readFileSync(join(runFolder, name), 'utf8').split('\n').slice(0, -1);
    return lines.flatMap((line) => {
      const { Output } = JSON.parse(line) as { Output: string };
      const { outcomes } = JSON.parse(Output) as {
        outcomes: { key: string; status: string; outputs?: { key: string }[] }[];
      };
      return outcomes.map(({ key, status, outputs = [] }) => ({
        key,
        status,
        outputs: outputs.map((output) => output.key),
      }));
    });
  });
}

export interface Account {
  readonly status: string;
  readonly counts: Readonly<Record<'total' | 'succeeded' | 'skipped' | 'failed' | 'pending', number>>;
  readonly balanced: boolean;
  readonly problems: readonly string[];
  /** In the order of the account. */
  readonly items: readonly AccountItem[];
  /** Of the last attempt, from 0. */
  readonly attempt: number;
}

export interface AccountItem {
  readonly key: string;
  readonly status: string;
  readonly reason?: string;
  readonly error?: string;
  readonly attempt: number;
  readonly source?: { readonly etag: string };
}

export function accountOf(runFolder: string): Account {
  const summary = JSON.parse(readFileSync(join(runFolder, 'summary.json'), 'utf8'));
  const items = readFileSync(join(runFolder, 'items.jsonl'), 'utf8').trimEnd().split('\n');
  return {
    status: summary.status,
    counts: summary.counts,
    balanced: summary.check.balanced,
    problems: summary.check.problems,
    items: items.map((line) => JSON.parse(line)),
    attempt: summary.attempts.length - 1,
  };
}

function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return entry.name === OWN ? [] : filesBelow(path);
    return [path];
  });
}

function slashed(path: string): string {
  return path.split(sep).join('/');
}

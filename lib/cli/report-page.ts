// Brings the page of a run to where a person can look at it: a file, or the browser.
import { spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { directoryPath, isDirectory, type Location } from '../../lambda/contract/location.ts';
import { PAGE_FILE, type Summary } from '../../lambda/report/summary.ts';
import type { OpenStore } from '../../lambda/store/store.ts';
import { UsageError } from './command.ts';
import { writeHtmlFile } from './html-file.ts';

export interface PageWanted {
  readonly folder: Location;
  readonly summary: Summary;
  /** Where to write it. Default: where it is; of a bucket, `<run>.html` in the working directory, or a temporary file to show it. */
  readonly file: string | undefined;
  readonly show: boolean;
}

/** Prints where the page is then, and shows it if that is wanted. Throws when the run has no page, saying why. */
export async function bringPage(
  { folder, summary, file, show }: PageWanted,
  openStore: OpenStore,
  { stdout }: { readonly stdout: { write(text: string): unknown } },
): Promise<void> {
  if (file !== undefined && !/\.html?$/i.test(file))
    throw new UsageError(`FILE: expected a name that ends in .html, got ${file}`);
  if (summary.page === undefined)
    throw new Error(`the page could not be written: ${summary.pageError ?? 'nobody said why'}`);
  const path = await bring(folder, summary.run, file, show, openStore);
  stdout.write(`${path}\n`);
  if (show) await showFile(path);
}

async function bring(
  folder: Location,
  run: string,
  file: string | undefined,
  show: boolean,
  openStore: OpenStore,
): Promise<string> {
  if (file === undefined && isDirectory(folder)) return join(directoryPath(folder), folder.prefix, PAGE_FILE);
  const { body } = await openStore(folder.bucket).read(folder.prefix + PAGE_FILE);
  const name = `${run.replace(/[^\w.-]/g, '_')}.html`;
  const path = resolve(file ?? (show ? join(await mkdtemp(join(tmpdir(), 'image-fanout-')), name) : name));
  await writeHtmlFile(path, body);
  return path;
}

/** The command that shows a file, as each system has it. */
const OPENERS: Partial<Record<NodeJS.Platform, readonly [command: string, ...first: string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

/** Hands the file to the system. Throws when that has nothing to show it with; the path has been told by then. */
async function showFile(path: string): Promise<void> {
  const [command, ...first] = OPENERS[process.platform] ?? ['xdg-open'];
  const child = spawn(command, [...first, path], { stdio: 'ignore', detached: true });
  await new Promise<void>((done, fail) => {
    child.once('spawn', done);
    child.once('error', (error) => fail(new Error(`nothing opens the page here (${error.message}); it is at ${path}`)));
  });
  child.unref();
}

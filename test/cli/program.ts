// Runs the real program on real files, as a person would.
import { execFile, spawn } from 'node:child_process';
import { link, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';

const execFileAsync = promisify(execFile);

export const PROGRAM = resolve(import.meta.dirname, '../../bin/image-fanout.js');

export interface Ended {
  /** As a shell gives it: 128 + the signal's number for a process that a signal ended. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts the program with these arguments. */
export function start(...argv: string[]): Started {
  return startIn({}, ...argv);
}

/** The same, with further environment variables. */
export function startIn(env: Readonly<Record<string, string>>, ...argv: string[]): Started {
  const child = spawn(process.execPath, [PROGRAM, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data) => {
    output.stdout += data;
  });
  child.stderr.on('data', (data) => {
    output.stderr += data;
  });
  const ended = new Promise<Ended>((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => done({ code: code ?? (signal === 'SIGINT' ? 130 : 255), ...output }));
  });
  return { ended, kill: (signal) => void child.kill(signal) };
}

/** Runs the program to its end with this on its standard input. */
export async function runWith(input: string | Buffer, ...argv: string[]): Promise<Ended> {
  const child = execFileAsync(process.execPath, [PROGRAM, ...argv]);
  child.child.stdin?.end(input);
  return await child.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr }),
  );
}

/** Runs the program to its end. */
export function run(...argv: string[]): Promise<Ended> {
  return start(...argv).ended;
}

export interface Workplace {
  /** An empty folder of its own for each name. */
  folder(name: string): Promise<string>;
  /** A folder with so many images, all alike, named 0000.jpg and so on. */
  images(name: string, count: number): Promise<string>;
  remove(): Promise<void>;
}

/** Makes a place for a test file's folders. */
export async function workplace(): Promise<Workplace> {
  const root = await mkdtemp(join(tmpdir(), 'image-fanout-cli-'));
  const image = join(root, 'image.jpg');
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  await writeFile(
    image,
    await sharp({ create: { width: 640, height: 480, channels: 3, background: 'red', noise } })
      .jpeg()
      .toBuffer(),
  );
  const folder = async (name: string) => {
    await mkdir(join(root, name));
    return join(root, name);
  };
  return {
    folder,
    async images(name, count) {
      const made = await folder(name);
      await Promise.all(
        Array.from({ length: count }, (_, place) => link(image, join(made, `${String(place).padStart(4, '0')}.jpg`))),
      );
      return made;
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

/** Every file below a folder but for our own ones, by its path there. */
export async function outputsIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  return files.filter((file) => !file.startsWith('.image-fanout')).sort();
}

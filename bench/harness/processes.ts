// Programs as contenders: started, timed from start to end, and held to their exit code.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** The command line under test, as arguments of Node.js. */
export const IMAGE_FANOUT = resolve(import.meta.dirname, '../../bin/image-fanout.js');

/**
 * Builds the package and lays it out in an empty folder below `into` as npm installs it, its dependencies being the
 * repository's; answers its command line, as arguments of Node.js.
 */
export async function packaged(into: string): Promise<string> {
  const root = resolve(import.meta.dirname, '../..');
  execFileSync(process.execPath, [join(root, 'scripts/build.ts')], { stdio: ['ignore', 'ignore', 'inherit'] });
  const folder = join(into, 'package');
  for (const part of ['bin', 'dist', 'package.json'])
    await cp(join(root, part), join(folder, part), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return join(folder, 'bin/image-fanout.js');
}

export interface Ended {
  readonly seconds: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Ends the program at once when aborted. */
  readonly kill?: AbortSignal;
  readonly cwd?: string;
}

/** Runs a program to its end, however it ends. */
export async function runProgram(file: string, args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  const started = performance.now();
  const env = { ...process.env, NODE_NO_WARNINGS: '1', ...options.env };
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env, ...(options.cwd && { cwd: options.cwd }) });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  options.kill?.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { seconds: (performance.now() - started) / 1000, code, signal, ...output };
}

/** Runs a program that must succeed; answers how long it took and what it printed. */
export async function timeProgram(file: string, args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  const ended = await runProgram(file, args, options);
  if (ended.code !== 0) {
    const how = ended.signal ?? `exit code ${ended.code}`;
    throw new Error(`${file} ${args.join(' ')} ended with ${how}:\n${ended.stderr || ended.stdout}`);
  }
  return ended;
}

/** Whether a program is installed and does what `args` asks of it. */
export function works(file: string, args: readonly string[]): boolean {
  try {
    execFileSync(file, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

// A process for image work: how it is started, what it is sent, and by what name it ends. Each end has one.
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ErrorName } from '../contract/errors.ts';
import type { Transformed, TransformInput } from './transform-types.ts';

/** What a child is sent, and what it answers with: structured clones, so bytes stay bytes. */
export type ChildTask = Omit<TransformInput, 'signal'>;
export type ChildAnswer = { /** CPU time that the task took, in milliseconds. */ readonly cpuMilliseconds: number } & (
  | { readonly transformed: Transformed }
  | {
      readonly error: {
        readonly name: ErrorName;
        readonly message: string;
        readonly expected?: string | undefined;
        readonly met?: string | undefined;
      };
    }
);
/** Sent as soon as a task has arrived: from here on its image may be to blame for an end. */
export const TAKEN = 'taken';

/** The child ended without an answer: how, and whether it had taken the task. */
export class ChildEnded extends Error {
  readonly taken: boolean;

  constructor(how: string, taken: boolean) {
    super(how);
    this.taken = taken;
  }
}

export interface Child {
  /** Does one task at a time. Rejects with ChildEnded when the child ends first, also if it did so before. */
  run(task: ChildTask): Promise<ChildAnswer>;
  kill(): void;
  /** Resident memory in bytes; 0 where the system does not tell. */
  residentBytes(): number;
}

/** Starts one; `onEnd` is told once, however and whenever it ends. It holds this process only while it works. */
export function startChild(onEnd: (child: Child) => void): Child {
  const forked = fork(workerPath(), {
    serialization: 'advanced',
    execArgv: [],
    // No credentials, no settings: only what finding libraries and fonts needs.
    env: Object.fromEntries(
      KEPT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
    ),
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  let task: PromiseWithResolvers<ChildAnswer> | undefined;
  let taken = false;
  let how: string | undefined;

  function end(met: string): void {
    if (how !== undefined) return;
    how = met;
    task?.reject(new ChildEnded(met, taken));
    onEnd(child);
  }

  forked.on('message', (message: typeof TAKEN | ChildAnswer) => {
    if (message === TAKEN) taken = true;
    else task?.resolve(message);
  });
  forked.on('exit', (code, signal) => end(`its process ended with ${signal ?? `code ${code}`}`));
  // Who cannot be talked to is of no use. Unless it never started, its exit says all there is to say.
  forked.on('disconnect', () => forked.kill('SIGKILL'));
  forked.on('error', (error) => {
    if (forked.pid === undefined) end(`its process could not be started (${error.message})`);
    else forked.kill('SIGKILL');
  });

  const child: Child = {
    async run(sent) {
      if (how !== undefined) throw new ChildEnded(how, false);
      task = Promise.withResolvers();
      taken = false;
      hold(forked, true);
      try {
        forked.send(sent);
        return await task.promise;
      } finally {
        task = undefined;
        hold(forked, false);
      }
    },
    kill: () => forked.kill('SIGKILL'),
    residentBytes: () => residentBytes(forked),
  };
  return child;
}

const KEPT = [
  'PATH',
  'HOME',
  'LANG',
  'LD_LIBRARY_PATH',
  'NODE_PATH',
  'FONTCONFIG_PATH',
  'FONTCONFIG_FILE',
  'XDG_CACHE_HOME',
] as const;

/** Beside the bundled handler lies the bundled worker; beside this source lies its source. */
function workerPath(): string {
  const bundled = fileURLToPath(new URL('./image-worker.mjs', import.meta.url));
  return existsSync(bundled) ? bundled : fileURLToPath(new URL('./isolated-worker.ts', import.meta.url));
}

/** Whether the child keeps this process running. */
function hold(forked: ChildProcess, on: boolean): void {
  const verb = on ? 'ref' : 'unref';
  forked[verb]();
  forked.channel?.[verb]();
}

/** Linux' page size on x64, and on arm64 of Lambda and the usual distributions. */
const PAGE_BYTES = 4096;

function residentBytes({ pid }: ChildProcess): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return 0;
  }
}

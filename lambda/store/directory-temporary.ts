// Temporary files of a destination directory: where they are made, and how those of killed processes are found and removed.
import { createHash, randomBytes } from 'node:crypto';
import { readdir, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { OWN_DIRECTORY } from './paths.ts';

/** A temporary file of a process that cannot be asked (another machine's, say) is left over when it is this old. */
const LEFT_OVER_MILLISECONDS = 24 * 3_600_000;

const NAME = /^([0-9a-f]{8})\.(\d+)\.[0-9a-f]{8}\.\d+\.tmp$/;
const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const instance = randomBytes(4).toString('hex');
let made = 0;

/** The folder of temporary files: inside the destination, so that a rename from it stays on one file system. */
export const TEMPORARY_FOLDER = `${OWN_DIRECTORY}tmp`;

/** A name that no other process has, and that says whose it is. */
export function temporaryName(): string {
  made += 1;
  return `${machine}.${process.pid}.${instance}.${made}.tmp`;
}

/** Removes what killed processes left. Other processes that run on this directory keep theirs. */
export async function removeLeftOvers(root: string): Promise<void> {
  const folder = join(root, TEMPORARY_FOLDER);
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (await isLeftOver(path, name)) await unlink(path).catch(() => undefined);
  }
}

async function isLeftOver(path: string, name: string): Promise<boolean> {
  const [, madeOn, pid] = NAME.exec(name) ?? [];
  if (pid === undefined) return false;
  if (madeOn === machine) return !isAlive(Number(pid));
  const stats = await stat(path).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > LEFT_OVER_MILLISECONDS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

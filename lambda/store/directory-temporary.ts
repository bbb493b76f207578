// Temporary files of a destination directory: where they are made, and how those of killed processes are found and removed.
import { createHash, randomBytes } from 'node:crypto';
import { readdir, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { OWN_DIRECTORY } from './paths.ts';

/** A temporary file of a process that cannot be asked (another machine's, say) is left over when it is this old. */
const LEFT_OVER_MILLISECONDS = 24 * 3_600_000;

/** A disk's clock may be a little ahead of or behind the machine's. */
const CLOCKS_APART = 2_000;

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

/** Removes what killed processes left in a folder. Other processes that write there keep theirs. */
export async function removeLeftOvers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (await isLeftOver(path, name)) await unlink(path).catch(() => undefined);
  }
}

async function isLeftOver(path: string, name: string): Promise<boolean> {
  const [, madeOn, pid] = NAME.exec(name) ?? [];
  if (pid === undefined) return false;
  if (madeOn === machine && !isAlive(Number(pid))) return true;
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) return false;
  const age = Date.now() - stats.mtimeMs;
  // In containers many have the same number and host name, one after the other: what is older than this process is not its.
  if (madeOn === machine && Number(pid) === process.pid) return age > 1000 * process.uptime() + CLOCKS_APART;
  return age > LEFT_OVER_MILLISECONDS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

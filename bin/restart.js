// Starts the program anew in the same process, where the environment lacks what only a process that starts can take.
import { accessSync, constants } from 'node:fs';
import { ENVIRONMENT } from './environment.js';

/**
 * Replaces this program by itself with `MALLOC_ARENA_MAX` set, under the same process number, with the same arguments and
 * open files. Takes a fiftieth of a second, so only for who works on images. Does nothing outside Linux, where it is set
 * already, and where Node.js cannot (before 22.15, under its permission model). musl does not read it, and does not mind.
 */
export function restart() {
  if (process.platform !== 'linux' || process.env.MALLOC_ARENA_MAX !== undefined) return;
  if (typeof process.execve !== 'function') return;
  const { MALLOC_ARENA_MAX } = ENVIRONMENT;
  try {
    // A failed execve ends the process: an update may have taken the executable away.
    accessSync(process.execPath, constants.X_OK);
    process.execve(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], {
      ...process.env,
      MALLOC_ARENA_MAX,
    });
  } catch {
    // Node.js may not here (its permission model): then as the process is.
  }
}

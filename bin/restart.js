// Starts the program anew in the same process, where the environment lacks what only a process that starts can take.
import { accessSync, constants } from 'node:fs';
import { ENVIRONMENT } from './environment.js';

/**
 * Replaces this program by itself with `MALLOC_ARENA_MAX` set, under the same process number, with the same arguments and
 * open files. Takes a fiftieth of a second, so only for who works on images. Does nothing where there is no glibc to read
 * it, where it is set already, or where Node.js cannot (before 22.15, on Windows).
 */
export function restart() {
  if (process.platform !== 'linux' || process.env.MALLOC_ARENA_MAX !== undefined) return;
  if (typeof process.execve !== 'function') return;
  try {
    // A failed execve ends the process: an update may have taken the executable away.
    accessSync(process.execPath, constants.X_OK);
  } catch {
    return;
  }
  const { MALLOC_ARENA_MAX } = ENVIRONMENT;
  process.execve(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], {
    ...process.env,
    MALLOC_ARENA_MAX,
  });
}

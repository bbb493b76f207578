// The image workers of this process, as the system knows them.
import { readdir, readFile } from 'node:fs/promises';

/** Process ids of this process' children that run the image worker. Linux only. */
export async function children(): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const mine = await Promise.all(
    pids.map(async (pid) => {
      try {
        const [stat, command] = await Promise.all([
          readFile(`/proc/${pid}/stat`, 'utf8'),
          readFile(`/proc/${pid}/cmdline`, 'utf8'),
        ]);
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        return parent === process.pid && command.includes('isolated-worker') ? [pid] : [];
      } catch {
        return [];
      }
    }),
  );
  return mine.flat().sort((a, b) => a - b);
}

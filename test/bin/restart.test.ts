// The restart with an environment that allocates less: one process, its arguments, once, and only for who works on images.
import { availableParallelism } from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startIn } from '../cli/program.ts';

/** What every program says that starts: its process, what it was given, and its arguments after the program's own name. */
const WITNESS = `data:text/javascript,console.error(JSON.stringify([
  process.pid, process.env.MALLOC_ARENA_MAX ?? null, process.execArgv, process.argv.slice(2)]))`.replaceAll(/\s+/g, '');

type Start = readonly [pid: number, arenas: string | null, execArgv: string[], argv: string[]];

async function starts(env: Readonly<Record<string, string>>, ...argv: string[]): Promise<Start[]> {
  const options = `${process.env['NODE_OPTIONS'] ?? ''} --import=${encodeURI(WITNESS)}`;
  const { stderr } = await startIn({ ...env, NODE_OPTIONS: options }, ...argv).ended;
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('['))
    .map((line) => JSON.parse(line) as Start);
}

describe.runIf(process.platform === 'linux')('the restart', () => {
  beforeEach(() => void vi.stubEnv('MALLOC_ARENA_MAX', undefined));
  afterEach(() => void vi.unstubAllEnvs());

  it('gives a run as many arenas as threads work at once, in the same process and with the same arguments', async () => {
    const [first, second, ...more] = await starts({}, 'run', 'not there', '', '--quiet');

    expect(more).toEqual([]);
    expect(first?.[1]).toBeNull();
    expect(second).toEqual([first?.[0], String(availableParallelism() + 2), first?.[2], first?.[3]]);
    expect(second?.[3]).toEqual(['run', 'not there', '', '--quiet']);
  });

  it('leaves alone what is set already', async () => {
    const all = await starts({ MALLOC_ARENA_MAX: '7' }, 'run', 'not there', 'nor this');

    expect(all.map(([, arenas]) => arenas)).toEqual(['7']);
  });

  it.each([['--help'], ['schema'], ['report', 'not there']])('does not happen for %s', async (...argv) => {
    const all = await starts({}, ...argv);

    expect(all.map(([, arenas]) => arenas)).toEqual([null]);
  });
});

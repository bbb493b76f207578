// The race that two benches run: the same photos for every contender, a fresh destination each time, and all outputs there at the end.
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ENVIRONMENT } from '../../bin/environment.js';
import { gatherPhotos } from './photos.ts';
import { timeProgram } from './processes.ts';
import { type Contender, inTurn } from './rounds.ts';

/** The recipe of the race: one 1024-pixel JPEG per photo. */
export const RECIPE = resolve(import.meta.dirname, '../../examples/recipes/photo-1024.json');
const TIMED_RUN = resolve(import.meta.dirname, 'timed-run.ts');

/** The setting of a bare loop. */
export interface LoopSetting {
  readonly concurrency: number;
  /** Threads of libvips per image. */
  readonly threads: number;
}

export interface PhotoRace extends AsyncDisposable {
  /** A folder that lives as long as the race. */
  readonly work: string;
  readonly source: string;
  readonly count: number;
  /** Where the photos came from. */
  readonly from: string;
  /**
   * The job, or the bare loop: timed in a process that has done one photo, so that only the job counts. `ownFiles` puts
   * the latency before the job's own files, too.
   */
  timed(name: string, who: 'image-fanout' | LoopSetting, options?: { readonly ownFiles: boolean }): Contender;
  /** A contender of which everything is timed that `run` does. */
  program(name: string, run: (source: string, destination: string) => Promise<unknown>): Contender;
  /** The fastest of the settings: each runs twice in turn, the faster time counts. Prints what each reached. */
  bestLoop(settings: readonly LoopSetting[]): Promise<LoopSetting>;
  /** How many outputs of the two contenders are the same bytes. */
  alike(name: string, other: string): Promise<number>;
}

/** Gathers the photos. `latency` in milliseconds is put before every read and every write of an image by who is `timed`. */
export async function photoRace(count: number, latency = 0): Promise<PhotoRace> {
  const work = await mkdtemp(join(tmpdir(), 'image-fanout-bench-'));
  const [source, warm] = [join(work, 'source'), join(work, 'warm')];
  const from = await gatherPhotos(source, count);
  await gatherPhotos(warm, 1);
  const destinationOf = (name: string) => join(work, name.replaceAll(/\W+/g, '-'));

  function contender(name: string, run: (destination: string) => Promise<number>): Contender {
    return {
      name,
      async run() {
        const destination = destinationOf(name);
        for (const directory of [destination, `${destination}-warm`]) {
          await rm(directory, { recursive: true, force: true });
          await mkdir(directory, { recursive: true });
        }
        const seconds = await run(destination);
        const { length } = await outputsIn(destination);
        if (length !== count) throw new Error(`${name}: expected ${count} outputs, got ${length}`);
        return seconds;
      },
    };
  }

  const race: PhotoRace = {
    work,
    source,
    count,
    from,
    timed: (name, who, { ownFiles } = { ownFiles: false }) =>
      contender(name, async (destination) => {
        const setting = { who, warm, source, destination, latency, ownFiles, recipe: RECIPE };
        const env = who === 'image-fanout' ? ENVIRONMENT : bareLoopEnvironment(who);
        const { stdout } = await timeProgram(process.execPath, [TIMED_RUN, JSON.stringify(setting)], { env });
        return Number(stdout);
      }),
    program: (name, run) =>
      contender(name, async (destination) => {
        const started = performance.now();
        await run(source, destination);
        return (performance.now() - started) / 1000;
      }),
    async bestLoop(settings) {
      const named = settings.map((setting) => race.timed(`bare loop, ${settingText(setting)}`, setting));
      const fastest = (await inTurn(named, 2)).map(({ seconds }) => Math.min(...seconds));
      for (const [at, { name }] of named.entries()) {
        console.log(`  ${name}: ${(count / (fastest[at] ?? Number.NaN)).toFixed(1)} images/s`);
      }
      const best = settings[fastest.indexOf(Math.min(...fastest))];
      if (best === undefined) throw new Error('Expected at least one setting of the bare loop');
      console.log(`The bare loop is best with ${settingText(best)}\n`);
      return best;
    },
    async alike(name, other) {
      const [one, two] = [destinationOf(name), destinationOf(other)];
      const same = await Promise.all(
        (await outputsIn(one)).map(async (file) => {
          const [own, their] = await Promise.all([readFile(join(one, file)), readFile(join(two, file))]);
          return own.equals(their);
        }),
      );
      return same.filter(Boolean).length;
    },
    [Symbol.asyncDispose]: () => rm(work, { recursive: true, force: true }),
  };
  return race;
}

/** A thread for every image at once, 4 at least, as Node.js has it: more only slow it down. */
export function bareLoopEnvironment({ concurrency }: LoopSetting): { readonly UV_THREADPOOL_SIZE: string } {
  return { UV_THREADPOOL_SIZE: String(Math.max(4, concurrency)) };
}

function settingText({ concurrency, threads }: LoopSetting): string {
  return `${concurrency} at once, libvips threads each: ${threads}`;
}

async function outputsIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith('.jpg')).sort();
}

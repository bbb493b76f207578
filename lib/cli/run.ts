// `run`: runs a job on this machine, or shows what it would do, or carries an earlier run on.
import { defineCommand, UsageError } from './command.ts';
import { parseDuration } from './duration.ts';
import { JOB_FILE_OPTION, JOB_OPTIONS, jobInput } from './job-options.ts';
import { openLogFile } from './log-file.ts';
import { PROGRESS_OPTION, parseProgress } from './progress-form.ts';

/** Milliseconds. Docker kills 10 seconds after it asked to end; most images take less than one. */
const DEFAULT_GRACE = 10_000;

/** More than any machine of one memory has processors to feed. */
const MOST_THREADS = 64;

export const command = defineCommand({
  endsLikeRun: true,
  summary: 'Runs a job on this machine: every image of SRC becomes the renditions of a recipe in DST.',
  usage: ['run SRC DST [options]', 'run --job FILE [options]', 'run --resume RUN [options]'],
  arguments: [0, 2],
  details: [
    "SRC and DST are directories or s3://bucket/prefix/. The first failure stops the run, unless failures are\ntolerated: what runs is finished, nothing new is started. The account of every key is in the run's folder.",
  ],
  options: {
    ...JOB_OPTIONS,
    ...JOB_FILE_OPTION,
    'dry-run': {
      type: 'boolean',
      help: 'Shows what would be done, and why keys would be made; writes nothing. With --json a line for each key, and one for all.',
    },
    resume: {
      type: 'string',
      value: 'RUN',
      help: 'Does what is pending or failed in a run, and nothing else. RUN is its folder, a destination (its latest run), or with SRC DST its id or latest.',
    },
    'retry-failed': { type: 'string', value: 'RUN', help: 'Does only what failed in a run.' },
    grace: {
      type: 'string',
      value: 'TIME',
      help: 'How long a stopped run waits for the images that are being worked on. Default: 10s.',
    },
    threads: {
      type: 'string',
      value: 'N',
      help: "Threads for the keys, beside the engine's own, 0 to 64. Default: 0, and more when that one is full while processors are idle.",
    },
    isolate: { type: 'boolean', help: 'Image work in processes of its own: a crash costs one key.' },
    'log-file': {
      type: 'string',
      value: 'FILE',
      help: 'Appends what is said, every failure and the summary to a file, each line with the time; with --json as JSON lines.',
    },
    json: {
      type: 'boolean',
      help: 'The summary as one JSON document on standard output, and nothing else there; on standard error a JSON line for each failure and message.',
    },
    ...PROGRESS_OPTION,
    quiet: { type: 'boolean', help: 'No progress and no summary: only failures are named, the first 20 and a count.' },
  },
  async run(positionals, options) {
    const {
      resume,
      'retry-failed': retryFailed,
      'dry-run': dryRun,
      isolate = false,
      json = false,
      quiet = false,
    } = options;
    const grace = options.grace === undefined ? DEFAULT_GRACE : parseDuration('grace', options.grace, { orZero: true });
    if (dryRun === true && options['log-file'] !== undefined)
      throw new UsageError('expected --dry-run or --log-file, got both');
    const logFile = options['log-file'] === undefined ? undefined : openLogFile(options['log-file']);
    const threads: number | 'auto' = options.threads === undefined ? 'auto' : parseThreads(options.threads);
    const progress = parseProgress(options.progress);
    if (quiet && options.progress !== undefined) throw new UsageError('expected --quiet or --progress, got both');
    const how = { isolate, threads, json, quiet, progress, grace, logFile };
    if (resume !== undefined && retryFailed !== undefined)
      throw new UsageError('expected --resume or --retry-failed, got both');
    const continued = resume ?? retryFailed;
    if (continued !== undefined) {
      if (dryRun === true) throw new UsageError('expected --dry-run or a run to continue, got both');
      const { continueRun } = await import('./continue-run.ts');
      return await continueRun({
        run: continued,
        only: resume === undefined ? 'failed' : 'unfinished',
        positionals,
        options,
        how,
      });
    }
    const input = await jobInput(positionals, options);
    if (dryRun === true) {
      const { dryRun: show } = await import('./dry-run.ts');
      return await show(input, { json });
    }
    const { startRun } = await import('./start-run.ts');
    return await startRun(input, how);
  },
});

/** Throws UsageError for what is no number of threads. */
function parseThreads(text: string): number {
  const threads = Number(text);
  if (/^\d+$/.test(text) && threads <= MOST_THREADS) return threads;
  throw new UsageError(`--threads: expected a whole number from 0 to ${MOST_THREADS}, got ${JSON.stringify(text)}`);
}

// A run on this machine from its start to its exit code: progress, Ctrl-C, the deadline, the summary.
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEADLINE_ERROR } from '../../lambda/contract/guard-errors.ts';
import { formatLocation, isDirectory } from '../../lambda/contract/location.ts';
import { createTransform } from '../../lambda/image/transform.ts';
import { matcher } from '../../lambda/job/globs.ts';
import { imageGlob, installedFormats, isImageGlob } from '../../lambda/job/image-glob.ts';
import type { Prepare } from '../../lambda/prepare/prepare.ts';
import { createProcess } from '../../lambda/process/process.ts';
import { printable } from '../../lambda/report/printable.ts';
import { exitCodeOf } from '../../lambda/report/status.ts';
import type { Summary } from '../../lambda/report/summary.ts';
import { resumeHereCommand } from '../../lambda/report/text.ts';
import { formatCount, formatDuration } from '../../lambda/report/units.ts';
import { openStores } from '../../lambda/store/open.ts';
import type { OpenStore } from '../../lambda/store/store.ts';
import type { Continue } from '../local/execution.ts';
import type { Json } from '../states-language.ts';
import { EXIT, type ExitCode } from './command.ts';
import { type Display, showProgress } from './display.ts';
import { createDrain } from './drain.ts';
import { endAtOnce, endBySignal } from './end.ts';
import { execute, messageOf, type NoAccount, type Running } from './execute.ts';
import { tellFailures } from './failures.ts';
import { watchInterrupts } from './interrupt.ts';
import { type LogFile, withLogFile } from './log-file.ts';
import { JSON_EVERY, type ProgressForm } from './progress-form.ts';
import { tellRetries } from './retries.ts';
import { summaryText } from './summary.ts';
import { createThreads } from './threads.ts';

/** How a run shows itself and when it stops; nothing of it changes what it does. */
export interface How {
  readonly json: boolean;
  /** How what happens is told on standard error. */
  readonly progress: ProgressForm;
  readonly quiet: boolean;
  readonly isolate: boolean;
  /** Threads for the keys, beside the engine's own; `auto`: as many as pay. */
  readonly threads: number | 'auto';
  /** A file that what is said is appended to. Default: none. */
  readonly logFile?: LogFile | undefined;
  /** Milliseconds for which a stopped run waits for the images that are being worked on. */
  readonly grace: number;
  /** Milliseconds until nothing new is started. */
  readonly deadline?: number | undefined;
}

export interface LocalRun {
  readonly run: string;
  readonly input: Json;
  readonly prepare: (open: OpenStore) => Prepare;
  readonly continue?: Continue;
  /** Keys that earlier attempts have done. */
  readonly doneBefore?: number;
  /** Looks meanwhile for what a person should know at the end; it is not waited for for long. */
  readonly meanwhile?: (open: OpenStore, signal: AbortSignal) => Promise<string | undefined>;
}

/** How long an aborted run may take to write its account before the process ends anyway. */
const ABORT_GRACE = 3_000;

/** Milliseconds for which a run that has ended waits for what is looked for meanwhile. */
const MEANWHILE_PATIENCE = 2_000;

/** Milliseconds for which each request of Prepare is tried again. */
const PREPARE_PATIENCE = 4_000;

/** Runs it. Answers the exit code; throws what kept it from starting. */
export async function runHere(
  { run, input, prepare, continue: earlier, doneBefore = 0, meanwhile = async () => undefined }: LocalRun,
  how: How,
): Promise<ExitCode> {
  let throttled = false;
  const onThrottle = () => {
    if (!throttled) display.say('S3 asked to slow down: fewer requests at once for a while.');
    throttled = true;
  };
  const onRetry = tellRetries((text) => display.say(text));
  const stores = openStores({ s3: { onThrottle, onRetry } });
  // Whoever waits for a run to start wants to know soon that the endpoint is misspelt; the definition tries Prepare again.
  const impatient = openStores({ s3: { deadlineMs: PREPARE_PATIENCE } });
  let running: Running | undefined;
  let code: ExitCode = EXIT.notStarted;
  let overdue = false;
  const jsonLines = how.json || how.progress === 'json';
  const shown = showProgress({
    stream: process.stderr,
    read: () => (running?.prepared() === true ? running.progress.read() : undefined),
    quiet: how.quiet || how.progress === 'none',
    json: jsonLines,
    ...(how.progress === 'json' ? { every: JSON_EVERY } : {}),
  });
  const display = how.logFile === undefined ? shown : withLogFile(shown, how.logFile, { json: jsonLines });
  display.log(`Run ${run}`);
  const failures = tellFailures(display, process.stderr, jsonLines);
  const drain = createDrain(how.grace, display);
  using interrupts = watchInterrupts({
    drain: () => {
      if (running?.prepared() === true) {
        display.say(
          `Interrupted: finishing what has begun, for ${formatDuration(how.grace)} at most; starting nothing new. Once more aborts it.`,
        );
        drain.begin(running);
      } else {
        // Nothing runs yet, and Prepare may be waiting for a service that does not answer.
        display.say('Interrupted before anything was started.');
        running?.execution.abort();
        setTimeout(endBySignal, ABORT_GRACE).unref();
      }
    },
    abort: () => {
      display.say('Aborted.');
      running?.execution.abort();
      setTimeout(endBySignal, ABORT_GRACE).unref();
    },
  });
  const threads = createThreads({
    threads: how.threads,
    isolate: how.isolate,
    onThrottle,
    onRetry,
    // One more image than cores: they stay busy while this thread takes an image's outputs over.
    inline: (claims, onSelection) =>
      createProcess({
        open: stores.open,
        transform: createTransform({ isolate: how.isolate }),
        imageConcurrency: availableParallelism() + 1,
        mostAwaited: availableParallelism(),
        claims,
        onSelection,
      }),
    onThreads: (count) => {
      if (how.threads === 'auto' && count > 1)
        display.log(`${count} threads, as one was full while processors were idle`);
    },
  });
  running = execute({
    run,
    input,
    open: stores.open,
    prepare: prepare((bucket) => (isDirectory({ bucket }) ? stores : impatient).open(bucket)),
    process: threads.process,
    doneBefore,
    ...(earlier === undefined ? {} : { continue: earlier }),
    onPrepareFailed: ({ name, message }) =>
      display.say(`${printable(`${name}: ${message}`)}\nTrying again; Ctrl-C ends it.`),
    onLease: (sentence) => display.say(printable(sentence)),
    onFailure: failures.failed,
    deadline: how.deadline,
    onGuard: (reason) => {
      if (running === undefined) return;
      if (reason.error === DEADLINE_ERROR) {
        overdue = true;
        display.say(
          `The deadline has come: finishing what has begun, for ${formatDuration(how.grace)} at most; starting nothing new.`,
        );
        drain.begin(running, reason);
      } else {
        display.say(`${printable(reason.cause)}: finishing what has begun, starting nothing new.`);
        drain.stop(running, reason);
      }
    },
    onThresholdExceeded: (threshold) => {
      failures.exceeded(threshold);
      if (running !== undefined) drain.takeBack(running);
    },
  });
  const looking = new AbortController();
  // What it cannot find out is no matter: it is beside the run.
  const found = meanwhile(stores.open, looking.signal).catch(() => undefined);
  try {
    const ended = await running.ended;
    failures.end();
    if (!('summary' in ended)) {
      display.end();
      const reason = reasonText(ended);
      display.log(reason);
      process.stderr.write(`image-fanout run: ${reason}\n`);
      if (interrupts.count > 0) code = EXIT.interrupted;
      else if (overdue || ended.unwritten !== undefined) code = EXIT.stopped;
      if (how.json) process.stdout.write(`${JSON.stringify(withoutSummary(run, code, ended, reason), undefined, 2)}\n`);
      return code;
    }
    const sentence = await Promise.race([found, sleep(MEANWHILE_PATIENCE, undefined, { signal: looking.signal })]);
    if (!how.quiet && sentence !== undefined) display.say(sentence);
    if (!how.quiet) sayReplacedDefault(ended.summary, display);
    if (!how.quiet) sayUnusedGlobs(ended.summary, threads.unused(), display);
    display.end();
    report(ended.summary, running.progress.done(), how, display);
    code = exitCodeOf(ended.summary);
    return code;
  } finally {
    display.end();
    drain.clear();
    looking.abort();
    await Promise.race([found, sleep(MEANWHILE_PATIENCE, undefined, { ref: false })]);
    // Threads that are still at work are ended with the process.
    await Promise.all([drain.begun ? undefined : threads.close(), stores.close(), impatient.close()]);
    // An ordinary end would wait for images that nobody waits for any more: those that were taken back or cut short.
    if (interrupts.count > 1) endBySignal();
    else if (drain.begun) endAtOnce(code);
  }
}

/** Whoever includes more in a listing may not know that what is no image by its name is left out only by default. */
function sayReplacedDefault({ job, errors }: Summary, display: Display): void {
  if (job.reader.kind !== 'LIST' || job.include.some(isImageGlob)) return;
  const isImage = matcher([imageGlob(installedFormats())], { nocase: true });
  const examples = errors.flatMap(({ name, examples: keys }) => (name === 'NotAnImage' ? keys : []));
  const other = examples.find(({ key }) => !isImage(key.slice(job.source.prefix.length)));
  if (other === undefined) return;
  display.say(
    `--include stands instead of the default, the extensions of images, which leaves out what ${printable(other.key)} is.`,
  );
}

/** A glob that matches nothing in a whole listing is probably misspelt. */
function sayUnusedGlobs(
  { job, counts, attempts }: Summary,
  unused: readonly string[] | undefined,
  display: Display,
): void {
  if (unused === undefined || job.reader.kind !== 'LIST' || counts.pending > 0 || attempts.length > 1) return;
  for (const glob of unused) {
    if (!isImageGlob(glob))
      display.say(`The glob ${JSON.stringify(glob)} matched none of ${formatCount(counts.total)} keys.`);
  }
}

function report(summary: Summary, done: number, { json, quiet }: How, { log }: Display): void {
  log(summaryText(summary, done));
  if (json) process.stdout.write(`${JSON.stringify(summary, undefined, 2)}\n`);
  else if (!quiet) process.stdout.write(summaryText(summary, done));
  if (quiet && !summary.check.balanced) process.stderr.write(`${summary.check.problems.map(printable).join('\n')}\n`);
}

/** What `--json` has of a run without an account: its status, why, and where the records of what was done are. */
function withoutSummary(run: string, code: ExitCode, { error, unwritten }: NoAccount, message: string) {
  const status = code === EXIT.interrupted ? 'interrupted' : code === EXIT.stopped ? 'stoppedByError' : 'notStarted';
  return { run, status, error, message, ...(unwritten === undefined ? {} : { report: formatLocation(unwritten) }) };
}

/** Why nothing was started, or why there is no account. A job's problems are listed one a line. */
function reasonText({ error, cause, unwritten }: NoAccount): string {
  if (error === 'ABORTED') return 'stopped before anything was started';
  const lines = messageOf(cause).split('\n').map(printable);
  const reason = `${printable(error)}: ${lines.join('\n')}`;
  if (unwritten === undefined) return reason;
  return `the account could not be written: ${reason}\nWhat was done is on record. Once that is mended: ${resumeHereCommand(unwritten)}`;
}

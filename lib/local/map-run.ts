// The Map Run: a Distributed Map's children, run with an exact concurrency until all are done or the threshold is exceeded.
import { setImmediate } from 'node:timers/promises';
import type { OpenStore } from '../../lambda/store/store.ts';
import type { DistributedMapState, Json } from '../states-language.ts';
import { type ChildResult, createChildren } from './children.ts';
import { COUNTER_OF, count, zeroCounts } from './counts.ts';
import { type Entry, entriesOf, type Redrive } from './entries.ts';
import type { ExecutionEvent, MapRunSummary } from './events.ts';
import { type ListingRecord, openListingRecord } from './listing-record.ts';
import type { MapRunNames } from './names.ts';
import { createOutputs } from './outputs.ts';
import { parsedRecord } from './records.ts';
import { openResultWriter, type ResultWriter, resultFolder } from './result-writer.ts';
import { type EarlierAttempts, earlierAttempts } from './resume.ts';
import { type Evaluate, type MapRunUpdate, readSettings, updated } from './settings.ts';
import { createSpool } from './spool.ts';
import type { Context } from './states/context.ts';
import { evaluateTemplate } from './states/template.ts';
import { STOPPED, StatesError, sentenceOf } from './states-error.ts';
import type { TaskHandlers } from './tasks.ts';
import { exceedsTolerance } from './tolerance.ts';

export interface MapRunOptions {
  readonly state: DistributedMapState;
  readonly stateName: string;
  readonly input: Json;
  readonly context: Context;
  readonly names: MapRunNames;
  readonly handlers: TaskHandlers;
  readonly openStore: OpenStore;
  readonly emit: (event: ExecutionEvent) => void;
  /** Continues what earlier attempts under the same UUID have left. */
  readonly redrive?: Redrive;
  readonly retryMilliseconds?: number;
}

export interface MapRun {
  /** The Map state's output; rejects with a StatesError. Settles when nothing runs any more and all is written. */
  readonly result: Promise<Json>;
  /** Starts no further child. EXPRESS children that have not begun are taken back, the others awaited; STANDARD ones are aborted. */
  stop(): void;
  /** Takes back what has not begun of a Map Run that starts nothing more. */
  takeBack(): void;
  /** Also ends the listing and the children that run: they are on record as ABORTED. */
  abort(): void;
  /** Changes the concurrency or the threshold while it runs. Throws a StatesError on a bad value. */
  update(change: MapRunUpdate): void;
  summary(): MapRunSummary;
}

/**
 * Starts of children between two turns of the event loop: handlers that never wait must not starve timers, signals and
 * the writing of results. Measured with such handlers: 128 takes a third more memory than 8, and is no faster.
 */
const BURST = 8;

export function startMapRun(options: MapRunOptions): MapRun {
  const { state, stateName, names, openStore, emit } = options;
  const evaluate: Evaluate = (template) => evaluateTemplate(template, options.input, options.context);
  const standard = state.ItemProcessor.ProcessorConfig.ExecutionType === 'STANDARD';
  const counts = zeroCounts();
  const spool = createSpool<Entry>(({ record }) => record.Input.length + 200);
  const outputs = createOutputs(stateName);
  const listing = new AbortController();
  const children = createChildren({ ...options, onStart, onEnd, onReturn });

  let settings = updated({ maxConcurrency: 0, tolerance: {} }, {});
  let changes: MapRunUpdate = {};
  let writer: ResultWriter | undefined;
  let record: ListingRecord | undefined;
  let manifest: MapRunSummary['manifest'];
  let status: MapRunSummary['status'] = 'RUNNING';
  let started = 0;
  let listed = false;
  /** Why no further child is started; the first reason stays. */
  let halted: StatesError | undefined;
  /** Resolves when a child ends, and when the settings or the halt change. */
  let change = Promise.withResolvers<void>();

  function changed(): void {
    change.resolve();
    change = Promise.withResolvers();
  }

  function halt(reason: StatesError): void {
    halted ??= reason;
    changed();
  }

  function onStart(name: string, input: Json, { record, items }: Entry): void {
    started += 1;
    count(counts, waitingCounter(record), items, -1);
    count(counts, 'running', items);
    emit({ type: 'childStarted', name, input });
  }

  function onEnd({ status: end, entry, record, input, output, ordinal }: ChildResult): void {
    count(counts, 'running', entry.items, -1);
    count(counts, COUNTER_OF[end], entry.items);
    count(counts, 'resultsWritten', entry.items);
    if (end !== 'SUCCEEDED') writer?.failed(record);
    else if (writer !== undefined) writer.succeeded(record, output);
    else outputs.add(ordinal, output ?? null);
    emit({ type: 'childEnded', record: parsedRecord(record, input, output) });
    judge();
    changed();
  }

  /** As if it had never been started. */
  function onReturn(name: string, entry: Entry): void {
    count(counts, 'running', entry.items, -1);
    count(counts, waitingCounter(entry.record), entry.items);
    leave(entry);
    emit({ type: 'childReturned', name });
    changed();
  }

  function judge(): void {
    const failed = counts.items.failed + counts.items.timedOut;
    const facts = { failed, total: counts.items.total, listed };
    if (halted !== undefined || !exceedsTolerance(facts, settings.tolerance)) return;
    emit({ type: 'thresholdExceeded', failed });
    const cause = 'The specified tolerated failure threshold was exceeded';
    halt(new StatesError('States.ExceedToleratedFailureThreshold', cause));
    // EXPRESS executions cannot be stopped: https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html
    if (standard) children.abort();
  }

  /** Enters a child that is not run into the account as it stands: never started, or failed in an earlier attempt. */
  function leave({ record, items }: Entry): void {
    if (record.Status === 'PENDING') writer?.pending(record);
    else {
      count(counts, 'pendingRedrive', items, -1);
      count(counts, COUNTER_OF[record.Status], items);
      writer?.failed(record);
    }
    count(counts, 'resultsWritten', items);
  }

  function onSucceeded(executions: number, items: number): void {
    // A redrive writes of them all again: resultsWritten counts every item.
    for (const counter of ['succeeded', 'total', 'resultsWritten'] as const) {
      counts.executions[counter] += executions;
      counts.items[counter] += items;
    }
  }

  /** Reads the settings, finds what earlier attempts left, and writes the probe. */
  async function prepare(): Promise<EarlierAttempts | undefined> {
    settings = updated(readSettings(state, evaluate), changes);
    const folder = resultFolder(state.ResultWriter, names.uuid, evaluate);
    if (folder === undefined) return undefined;
    const earlier = options.redrive === undefined ? undefined : await earlierAttempts(folder, openStore);
    writer = await openResultWriter({
      ...{ folder, openStore, mapRunArn: names.mapRunArn, config: state.ResultWriter?.WriterConfig, onError: halt },
      ...{ attempt: earlier?.next ?? 0, earlier: earlier?.succeeded ?? [] },
    });
    manifest = { bucket: folder.bucket, key: writer.manifestKey };
    record = await openListingRecord(openStore(folder.bucket), folder);
    return earlier;
  }

  /** Lists to the end also when the run has halted: the account needs every item. */
  async function list(earlier: EarlierAttempts | undefined): Promise<void> {
    const results = manifest?.bucket;
    const continued = earlier === undefined || results === undefined ? {} : { earlier, results };
    try {
      for await (const entries of entriesOf({
        ...options,
        evaluate,
        onSucceeded,
        signal: listing.signal,
        idle: () => counts.items.pending + counts.items.pendingRedrive === 0,
        ...(record === undefined ? {} : { record }),
        ...continued,
      })) {
        for (const entry of entries) {
          count(counts, 'total', entry.items);
          count(counts, waitingCounter(entry.record), entry.items);
          if (entry.hold || halted !== undefined) leave(entry);
          else spool.push(entry);
        }
        emit({ type: 'listed', items: counts.items.total, complete: false });
        await writer?.congestion();
      }
      listed = true;
      emit({ type: 'listed', items: counts.items.total, complete: true });
      judge();
    } catch (error) {
      halt(error instanceof StatesError ? error : new StatesError('States.ItemReaderFailed', sentenceOf(error)));
    } finally {
      spool.end();
    }
  }

  async function dispatch(): Promise<void> {
    while (halted === undefined) {
      const obstacle = children.running() >= settings.maxConcurrency ? change.promise : writer?.congestion();
      if (obstacle !== undefined) {
        await obstacle;
        continue;
      }
      const entry = spool.take();
      if (entry === undefined) {
        if (!(await spool.more())) return;
        continue;
      }
      children.start(entry);
      // The first ones one by one, so that none waits until all have been started.
      if (started < BURST || started % BURST === 0) await setImmediate();
    }
  }

  async function run(): Promise<Json> {
    try {
      const earlier = await prepare();
      emit({ type: 'mapRunStarted', state: stateName, arn: names.mapRunArn, ...(manifest && { manifest }) });
      const wholeListing = list(earlier);
      await dispatch();
      while (children.running() > 0) await change.promise;
      await wholeListing;
      while (await spool.more()) leave(spool.take() as Entry);
      // Without the whole listing the manifest stays the probe, and who continues the run reads the listing's record.
      await writer?.finish(listed);
      if (halted !== undefined) throw halted;
      status = 'SUCCEEDED';
      return manifest === undefined ? outputs.all() : mapOutput(names.mapRunArn, manifest);
    } catch (error) {
      status = error instanceof StatesError && error.name === STOPPED ? 'ABORTED' : 'FAILED';
      throw error;
    } finally {
      spool.close();
      emit({ type: 'mapRunEnded', state: stateName, ...summary() });
    }
  }

  function summary(): MapRunSummary {
    const { items: itemCounts, executions: executionCounts } = counts;
    return {
      ...{ arn: names.mapRunArn, status, itemCounts: { ...itemCounts }, executionCounts: { ...executionCounts } },
      ...(manifest && { manifest }),
    };
  }

  return {
    result: run(),
    summary,
    stop() {
      halt(new StatesError(STOPPED, 'The execution was stopped'));
      if (standard) children.abort();
      else children.stop();
    },
    takeBack() {
      if (halted !== undefined && !standard) children.stop();
    },
    abort() {
      halt(new StatesError(STOPPED, 'The execution was aborted'));
      listing.abort();
      children.abort();
    },
    update(next) {
      settings = updated(settings, next);
      // Before the Map state's own settings are read, the change waits for them.
      changes = { ...changes, ...next };
      judge();
      changed();
    },
  };
}

function waitingCounter(record: Entry['record']): 'pending' | 'pendingRedrive' {
  return record.Status === 'PENDING' ? 'pending' : 'pendingRedrive';
}

function mapOutput(mapRunArn: string, { bucket, key }: { readonly bucket: string; readonly key: string }): Json {
  return { MapRunArn: mapRunArn, ResultWriterDetails: { Bucket: bucket, Key: key } };
}

// One of a run's threads: reads, transforms and writes the keys that the engine's thread hands to it.
import { parentPort, workerData } from 'node:worker_threads';
import { createTransform } from '../../lambda/image/transform.ts';
import type { Selection } from '../../lambda/job/selection.ts';
import type { Claims } from '../../lambda/process/claims.ts';
import { createProcess } from '../../lambda/process/process.ts';
import { openStores } from '../../lambda/store/open.ts';
import { type FromThread, receivedError, sentError, type ThreadSetting, type ToThread } from './thread-protocol.ts';

const port = parentPort;
if (port === null) throw new Error('expected to be a thread of a run, got a program of its own');
const { isolate, images, awaited, bytes } = workerData as ThreadSetting;
const send = (message: FromThread): void => port.postMessage(message);

const stores = openStores({
  s3: {
    onThrottle: () => send({ type: 'throttled' }),
    onRetry: ({ name, message }, milliseconds) => send({ type: 'retrying', error: { name, message }, milliseconds }),
  },
});
const takes = new Map<number, PromiseWithResolvers<void>>();
const calls = new Map<number, AbortController>();
const stopping = new AbortController();
let turns = 0;
let asked = 0;
let selection: Selection | undefined;
let unusedBefore = Number.POSITIVE_INFINITY;

/** Output keys are claimed from the engine's thread: it alone knows what all threads hold. */
const claims: Claims = {
  turn(source, bucket) {
    const turn = turns++;
    const held = new Set<string>();
    let known = false;
    return {
      take(keys) {
        const missing = keys.filter((key) => !held.has(key));
        if (missing.length === 0) return undefined;
        if (!known) send({ type: 'turn', turn, source, bucket });
        known = true;
        const take = asked++;
        const answer = Promise.withResolvers<void>();
        takes.set(take, answer);
        send({ type: 'take', turn, take, keys: missing });
        return answer.promise.then(() => {
          for (const key of missing) held.add(key);
        });
      },
      release() {
        if (known) send({ type: 'release', turn });
        held.clear();
      },
    };
  },
};

const processKeys = createProcess({
  open: stores.open,
  transform: createTransform({ isolate }),
  imageConcurrency: images,
  mostAwaited: awaited,
  mostBytes: bytes,
  claims,
  onSelection: (opened) => {
    selection = opened;
  },
});

async function work({ call, event }: Extract<ToThread, { type: 'work' }>): Promise<void> {
  const controller = new AbortController();
  calls.set(call, controller);
  const clock = {
    pause: () => send({ type: 'clock', call, paused: true }),
    resume: () => send({ type: 'clock', call, paused: false }),
  };
  try {
    const result = await processKeys(event, { signal: controller.signal, stopping: stopping.signal, clock });
    tellUnused();
    send({ type: 'done', call, result });
  } catch (thrown) {
    tellUnused();
    send({ type: 'failed', call, error: sentError(thrown) });
  } finally {
    calls.delete(call);
  }
}

/** Only when there are fewer than before: hardly ever. */
function tellUnused(): void {
  const globs = selection?.unused();
  if (globs === undefined || globs.length === unusedBefore) return;
  unusedBefore = globs.length;
  send({ type: 'unused', globs });
}

async function close(): Promise<void> {
  await stores.close();
  port?.close();
}

port.on('message', (message: ToThread) => {
  if (message.type === 'work') void work(message);
  else if (message.type === 'abort') calls.get(message.call)?.abort(receivedError(message.error));
  else if (message.type === 'stop') stopping.abort(receivedError(message.error));
  else if (message.type === 'close') void close();
  else {
    const answer = takes.get(message.take);
    takes.delete(message.take);
    if (message.error === undefined) answer?.resolve();
    else answer?.reject(receivedError(message.error));
  }
});

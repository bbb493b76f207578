// A lease on a run's folder: one process at a time works on a run, and everybody else can see which.
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { FanoutError } from '../contract/errors.ts';
import type { Store } from './store.ts';

/** Name of the lease in a run's folder. */
export const LEASE_FILE = 'lease.json';

/** Milliseconds between heartbeats, and without one until a lease may be taken over. */
const BEAT = 5_000;
const STALE = 60_000;

/** What the file holds. */
interface LeaseRecord {
  /** Of this very holding. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** What makes the process number unique: the machine's boot and the process's start, where the system tells. */
  readonly machine?: string;
  readonly start?: string;
  /** Epoch milliseconds, by the holder's clock. */
  readonly since: number;
  readonly beat: number;
  /** When it was given back. */
  readonly ended?: number;
}

export interface Lease {
  /** Gives the lease back. Never rejects: what cannot be given back stops beating. */
  release(): Promise<void>;
}

export interface LeaseOptions {
  /** Told once, when another process has taken the lease over, or none could be told for a minute that it is held. */
  readonly onLost: (reason: string) => void;
  /** Told when the server ignores conditional writes, so that the lease keeps nobody out who looks at the same moment. */
  readonly onUnguarded?: () => void;
  /** Told when it takes a while to see whether the holder is still there. */
  readonly onWatching?: (holder: string, seconds: number) => void;
  readonly beatMilliseconds?: number;
  readonly staleMilliseconds?: number;
}

/**
 * Takes the lease at `key`, and keeps it by a heartbeat. A holder on this machine whose process is gone, and one that
 * has not beaten for a minute nor does so while it is watched, is taken over. Throws RunIsLive that names the holder.
 */
export async function takeLease(store: Store, key: string, options: LeaseOptions): Promise<Lease> {
  const { beatMilliseconds = BEAT, staleMilliseconds = STALE } = options;
  const mine = { id: randomUUID(), ...thisProcess(), since: Date.now() };
  let unguarded = false;
  heldHere.add(mine.id);
  let etag = await take().catch((error: unknown) => {
    heldHere.delete(mine.id);
    throw error;
  });
  let beaten = Date.now();
  let beating: Promise<void> | undefined;
  let over = false;
  const timer = setInterval(() => {
    beating ??= beat().finally(() => {
      beating = undefined;
    });
  }, beatMilliseconds);
  timer.unref();

  async function put(expect: 'absent' | { readonly etag: string }, ended?: number): Promise<string | undefined> {
    const record: LeaseRecord = { ...mine, beat: Date.now(), ...(ended === undefined ? {} : { ended }) };
    const body = Buffer.from(`${JSON.stringify(record)}\n`);
    return (await store.write(key, body, { contentType: 'application/json', expect }))?.etag;
  }

  async function take(): Promise<string> {
    const found = await read(store, key);
    if (found !== undefined && !isFree(found.record)) await waitForStale(found);
    const taken = await put(found === undefined ? 'absent' : { etag: found.etag });
    // A write that was repeated after a broken connection meets itself.
    const now = await read(store, key);
    if (now?.record.id !== mine.id) throw held(now?.record);
    if (taken !== undefined && (await put('absent')) !== undefined) {
      unguarded = true;
      options.onUnguarded?.();
      return (await read(store, key))?.etag ?? now.etag;
    }
    return now.etag;
  }

  async function waitForStale({ record, etag: seen }: Found): Promise<void> {
    if (isOfThisMachine(record) || Math.abs(Date.now() - record.beat) < staleMilliseconds) throw held(record);
    // Clocks of two machines may differ by more than that: only a beat that does not come is a proof.
    const watch = 2.5 * beatMilliseconds;
    options.onWatching?.(describe(record), Math.ceil(watch / 1000));
    await sleep(watch);
    const now = await read(store, key);
    if (now?.etag !== seen) throw held(now?.record ?? record);
  }

  function lose(reason: string): void {
    if (over) return;
    over = true;
    clearInterval(timer);
    heldHere.delete(mine.id);
    options.onLost(reason);
  }

  async function beat(): Promise<void> {
    try {
      let now = unguarded ? await read(store, key) : undefined;
      const isMine = !unguarded || now?.record.id === mine.id;
      const next = isMine ? await put({ etag }) : undefined;
      if (next === undefined) now = await read(store, key);
      if (next === undefined && now?.record.id !== mine.id) {
        lose(`The run has been taken over${now === undefined ? ': its lease is gone' : ` by ${describe(now.record)}`}`);
        return;
      }
      etag = next ?? (now as Found).etag;
      beaten = Date.now();
    } catch (error) {
      if (Date.now() - beaten < staleMilliseconds) return;
      lose(`The lease could not be renewed for a minute, so another process may have it: ${(error as Error).message}`);
    }
  }

  return {
    async release() {
      clearInterval(timer);
      await beating;
      if (over) return;
      over = true;
      heldHere.delete(mine.id);
      await put({ etag }, Date.now()).catch(() => undefined);
    },
  };
}

/** Who holds the lease at `key`, in words; undefined when nobody does, as far as a look can tell. */
export async function leaseHolder(store: Store, key: string): Promise<string | undefined> {
  const found = await read(store, key);
  if (found === undefined || isFree(found.record)) return undefined;
  const fresh = isOfThisMachine(found.record) || Math.abs(Date.now() - found.record.beat) < STALE;
  return fresh ? describe(found.record) : undefined;
}

interface Found {
  readonly etag: string;
  readonly record: LeaseRecord;
}

async function read(store: Store, key: string): Promise<Found | undefined> {
  try {
    const { body, etag } = await store.read(key);
    return { etag, record: parsed(body.toString()) };
  } catch (error) {
    if (error instanceof FanoutError && error.name === 'SourceNotFound') return undefined;
    throw error;
  }
}

/** A lease that cannot be read is nobody's. */
function parsed(text: string): LeaseRecord {
  const nobody: LeaseRecord = { id: '', host: '', pid: 0, since: 0, beat: 0, ended: 0 };
  try {
    const record = JSON.parse(text) as LeaseRecord;
    return typeof record.beat === 'number' && typeof record.pid === 'number' ? record : nobody;
  } catch {
    return nobody;
  }
}

/** The leases that this process holds: one of its own that is not among them was left by a try that failed. */
const heldHere = new Set<string>();

/** Given back, or of a process of this machine that is gone. */
function isFree(record: LeaseRecord): boolean {
  return record.ended !== undefined || (isOfThisMachine(record) && !lives(record));
}

function isOfThisMachine({ host, machine }: LeaseRecord): boolean {
  const here = thisProcess();
  return host === here.host && machine !== undefined && machine === here.machine;
}

function lives({ id, pid, start }: LeaseRecord): boolean {
  if (pid === process.pid) return heldHere.has(id);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  // A number is given again: the other process has begun at another time.
  return start === undefined || startOf(pid) === start;
}

function thisProcess(): Pick<LeaseRecord, 'host' | 'pid' | 'machine' | 'start'> {
  const [machine, start] = [machineId(), startOf('self')];
  return {
    host: hostname(),
    pid: process.pid,
    ...(machine === undefined ? {} : { machine }),
    ...(start === undefined ? {} : { start }),
  };
}

/** What tells machines, boots and containers apart, whatever their host names. Linux only: elsewhere the beat decides. */
function machineId(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

/** Field 22 of proc_pid_stat(5): when the process began, in ticks since the boot. None for one that has ended (a zombie). */
function startOf(pid: number | 'self'): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function describe({ host, pid, since, beat }: LeaseRecord): string {
  const ago = Math.max(0, Math.round((Date.now() - beat) / 1000));
  return `process ${pid} on ${host}, since ${new Date(since).toISOString()}, last seen ${ago} s ago`;
}

function held(record: LeaseRecord | undefined): FanoutError {
  const holder = record === undefined ? 'another process' : describe(record);
  const way =
    record === undefined
      ? 'try again'
      : `wait for its end, or end it (on ${record.host}: kill ${record.pid}) and try again; one that is gone is taken over by itself, at once on its machine, and after ${STALE / 1000} s on others`;
  return new FanoutError('RunIsLive', `The run is being worked on by ${holder}; ${way}`, {
    expected: 'a run that no process works on',
    met: holder,
  });
}

// A lease on a run's folder, in directories and on S3: one holder at a time, named, and taken over once it is gone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LeaseOptions, leaseHolder, takeLease } from '../../../lambda/store/lease.ts';
import type { Store } from '../../../lambda/store/store.ts';
import { KINDS, makePlaces, type Places } from '../../helpers/places.ts';

const KEY = 'runs/one/lease.json';

describe.each(KINDS)('a lease in %s', (kind) => {
  let places: Places;
  let store: Store;
  const told: string[] = [];

  beforeEach(async () => {
    places = await makePlaces(kind);
    store = places.open(places.destination.bucket);
    // As a run's job is there before its lease.
    await store.write('runs/one/job.json', Buffer.from('{}'));
    told.length = 0;
  });
  afterEach(() => places.close());

  const take = (options: Partial<LeaseOptions> = {}) =>
    takeLease(store, KEY, {
      onLost: (reason) => told.push(reason),
      onUnguarded: () => told.push('unguarded'),
      onWatching: (holder) => told.push(`watching ${holder}`),
      beatMilliseconds: 20,
      ...options,
    });

  /** What a process of another machine has left, so many milliseconds ago. */
  const leave = async (ago: number, record: object = {}) => {
    const beat = Date.now() - ago;
    const left = { id: 'theirs', host: 'elsewhere', pid: 77, machine: 'theirs', since: beat, beat, ...record };
    await store.write(KEY, Buffer.from(JSON.stringify(left)));
  };

  it('is held by one: the other is told by whom, and gets it once it is given back', async () => {
    const first = await take();
    expect(await leaseHolder(store, KEY)).toContain(`process ${process.pid} on `);
    await expect(take()).rejects.toMatchObject({
      name: 'RunIsLive',
      message: expect.stringMatching(new RegExp(`process ${process.pid} on .*kill ${process.pid}`)),
    });
    await first.release();
    expect(await leaseHolder(store, KEY)).toBeUndefined();
    await (await take()).release();
    expect(told).toEqual([]);
  });

  it('goes to one of many that want it at the same moment', async () => {
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => take()));
    const won = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(won).toHaveLength(1);
    for (const one of tries) if (one.status === 'rejected') expect(one.reason).toMatchObject({ name: 'RunIsLive' });
    await won[0]?.release();
  });

  it('is taken over at once from a process of this machine that is gone', async () => {
    const gone = spawn(process.execPath, ['-e', '']);
    await once(gone, 'exit');
    const own = await take();
    const record = JSON.parse((await store.read(KEY)).body.toString()) as object;
    await own.release();
    await leave(0, { ...record, id: 'theirs', pid: gone.pid });
    await (await take()).release();
    // The same number, given to another process since.
    await leave(0, { ...record, id: 'theirs', pid: process.ppid, start: '1' });
    if ('start' in record) await (await take()).release();
  });

  it('of another machine is refused while it beats, and taken over once it does not', async () => {
    await leave(1_000);
    await expect(take()).rejects.toMatchObject({ message: expect.stringContaining('process 77 on elsewhere') });
    await leave(120_000);
    const lease = await take();
    expect(told).toEqual([expect.stringContaining('watching process 77 on elsewhere')]);
    await lease.release();
  });

  it('of another machine whose clock is wrong is refused when it beats while it is watched', async () => {
    await leave(120_000);
    const wanting = take({ beatMilliseconds: 200 });
    await expect.poll(() => told.length).toBe(1);
    await leave(119_000);
    await expect(wanting).rejects.toMatchObject({ name: 'RunIsLive' });
  });

  it('that was taken over, or removed, is lost, and who held it is told', async () => {
    const lease = await take();
    await leave(0);
    await expect.poll(() => told).toEqual([expect.stringContaining('taken over by process 77 on elsewhere')]);
    await lease.release();
    expect(await leaseHolder(store, KEY)).toContain('process 77');
  });

  it('says where conditional writes are ignored, and keeps out who looks later all the same', async () => {
    const heeding = store;
    store = { ...store, write: (key, body, { expect: _, ...rest } = {}) => heeding.write(key, body, rest) };
    const lease = await take();
    expect(told).toEqual(['unguarded']);
    await expect(take()).rejects.toMatchObject({ name: 'RunIsLive' });
    await leave(0);
    await expect.poll(() => told[1]).toContain('taken over by process 77 on elsewhere');
    await lease.release();
  });
});

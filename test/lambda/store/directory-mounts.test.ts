// Destinations that are more than one disk, links that lead nowhere, and what other processes left or hold.
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { directoryStore } from '../../../lambda/store/directory.ts';
import { temporaryName } from '../../../lambda/store/directory-temporary.ts';
import { diskOf, farMounts } from '../../../lambda/store/disk.ts';
import type { Store } from '../../../lambda/store/store.ts';

let root: string;
const mounts: string[] = [];
const stores: Store[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'image-fanout-mounts-'));
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  for (const path of mounts.splice(0)) spawnSync('umount', ['-l', path]);
  rmSync(root, { recursive: true, force: true });
});

function storeAt(path = root): Store {
  const store = directoryStore(path);
  stores.push(store);
  return store;
}

/** False where this user may not mount. */
function mount(type: string, path: string): boolean {
  mkdirSync(path, { recursive: true });
  const done = spawnSync('mount', ['-t', type, 'none', path]).status === 0;
  if (done) mounts.push(path);
  return done;
}

const mayMount = (() => {
  const path = mkdtempSync(join(tmpdir(), 'image-fanout-mount-'));
  const may = spawnSync('mount', ['-t', 'tmpfs', 'none', path]).status === 0;
  if (may) spawnSync('umount', ['-l', path]);
  rmSync(path, { recursive: true, force: true });
  return may;
})();
if (!mayMount) console.warn('skipped: tests that mount file systems; expected the right to (root)');

const body = Buffer.from('bytes');
const provenance = { source: 's3://photos/a.jpg', fingerprint: 'f', run: 'r' };

describe.skipIf(!mayMount)('a file system that is mounted inside the destination', () => {
  it('takes outputs whole: made beside their names, with nothing left over', async () => {
    mount('tmpfs', join(root, 'mounted'));
    const store = storeAt();
    const first = await store.write('mounted/deep/a', body, { expect: 'absent', provenance });
    expect(first).toBeDefined();
    expect(await store.write('mounted/deep/a', body, { expect: 'absent', provenance })).toBeUndefined();
    const second = await store.write('mounted/deep/a', Buffer.from('more'), {
      expect: { etag: first?.etag ?? '' },
      provenance,
    });
    expect((await store.head('mounted/deep/a'))?.etag).toBe(second?.etag);
    expect((await store.head('mounted/deep/a'))?.provenance).toMatchObject({ fingerprint: 'f' });
    async function* pieces() {
      yield 'a stream';
    }
    await store.save('mounted/stream', pieces());
    expect(readdirSync(join(root, 'mounted'), { recursive: true }).toSorted()).toEqual(['deep', 'deep/a', 'stream']);
    expect(readFileSync(join(root, 'mounted/stream'), 'utf8')).toBe('a stream');
  });

  it('is judged by itself: one that may be far is left to the thread pool', async () => {
    mount('ramfs', join(root, 'far'));
    mount('tmpfs', join(root, 'near'));
    for (const name of ['far/a', 'near/a']) writeFileSync(join(root, name), body);
    const disk = diskOf(root);
    await disk.stat(root);
    await sleep(50);
    const far = disk.open(join(root, 'far/a'), 'r');
    expect(far).toBeInstanceOf(Promise);
    expect(disk.fstat(await far)).toBeInstanceOf(Promise);
    await disk.close(await far);
    // On a busy machine any one call may take long, and the next ones are left to the pool.
    let atOnce = false;
    for (let time = 0; time < 200 && !atOnce; time += 1) {
      const answer = disk.stat(join(root, 'near/a'));
      atOnce = !(answer instanceof Promise);
      await answer;
      await sleep(20);
    }
    expect(atOnce).toBe(true);
  });

  it('has an index without a write-ahead log where its file system may be shared by machines', async () => {
    const shared = join(root, 'shared');
    mount('ramfs', shared);
    await storeAt(shared).write('a', body, { provenance });
    await storeAt().write('a', body, { provenance });
    const modeOf = (path: string) => {
      const database = new DatabaseSync(join(path, '.image-fanout/index.sqlite'));
      const { journal_mode: mode } = database.prepare('PRAGMA journal_mode').get() as { journal_mode: string };
      database.close();
      return mode;
    };
    expect([modeOf(shared), modeOf(root)]).toEqual(['delete', 'wal']);
  });
});

it('mounts are found in the table that Linux has of them, whatever their names', () => {
  const table = [
    '1 0 8:1 / / rw - ext4 /dev/sda rw',
    '2 1 0:5 / /data/my\\040nfs\\134 rw shared:1 - nfs4 server:/x rw',
    '3 1 0:6 / /data/near rw - tmpfs none rw',
    '4 1 0:7 / /data2/far rw - cifs //x rw',
    '',
  ].join('\n');
  expect(farMounts(table, '/data')).toEqual(['my nfs\\']);
  expect(farMounts(table, '/')).toEqual(['data/my nfs\\', 'data2/far']);
});

describe('a link that leads nowhere at the name of an output', () => {
  it("is somebody else's: not overwritten, unless that very link is to be replaced", async () => {
    const store = storeAt();
    await store.write('other', body, { provenance });
    symlinkSync(join(root, 'nowhere'), join(root, 'a'));
    const head = await store.head('a');
    expect(head).toBeDefined();
    expect(head).not.toHaveProperty('provenance');
    expect(await store.write('a', body, { expect: 'absent', provenance })).toBeUndefined();
    expect(await store.write('a', body, { expect: { etag: head?.etag ?? '' }, provenance })).toBeDefined();
    expect(readFileSync(join(root, 'a'))).toEqual(body);
    expect(readdirSync(root).toSorted()).toEqual(['.image-fanout', 'a', 'other']);
  });
});

it('temporary files of an earlier process with the same number and host name are removed, those of this one are kept', async () => {
  await storeAt().write('a', body);
  const folder = join(root, '.image-fanout/tmp');
  const [earlier, ours] = [temporaryName(), temporaryName()];
  for (const name of [earlier, ours]) writeFileSync(join(folder, name), '');
  const before = Date.now() / 1000 - process.uptime() - 60;
  utimesSync(join(folder, earlier), before, before);
  await storeAt().write('b', body);
  expect(readdirSync(folder)).toEqual([ours]);
});

it('an index that another process holds does not keep everything else waiting', async () => {
  const store = storeAt();
  await store.write('a', body, { provenance });
  const other = new DatabaseSync(join(root, '.image-fanout/index.sqlite'));
  other.exec('BEGIN IMMEDIATE');
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 5);
  const written = store.write('b', body, { provenance });
  await sleep(700);
  expect(await Promise.race([written, 'still waiting'])).toBe('still waiting');
  other.exec('COMMIT');
  other.close();
  expect(await written).toBeDefined();
  clearInterval(timer);
  // Each try waits for 20 ms at most, and the waits between them grow.
  expect(turns).toBeGreaterThan(10);
});

// System calls on a disk: the same answers and errors at once and through the thread pool, and a slow disk is left to the pool.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Disk, diskOf } from '../../../lambda/store/disk.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fanout-disk-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A disk that has found out what it is. */
async function known(path = root): Promise<Disk> {
  const disk = diskOf(path);
  await disk.stat(path);
  await sleep(20);
  return disk;
}

const isLater = (answer: unknown): boolean => answer instanceof Promise;

/** Whether the call is answered at once, sooner or later: on a busy machine any one may take long, and the pool is next. */
async function isAtOnce(call: (time: number) => unknown): Promise<boolean> {
  for (let time = 0; time < 200; time++) {
    const answer = call(time);
    if (!isLater(answer)) return true;
    await answer;
    await sleep(20);
  }
  return false;
}

async function errnoOf(action: () => unknown): Promise<unknown> {
  try {
    await action();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

// A disk that does not know itself yet uses the pool; the same one, later, does not.
describe.each([
  { where: 'in the thread pool', disk: async () => diskOf(join(root, 'not-there')) },
  { where: 'at once where it may be', disk: () => known() },
])('a disk, $where,', ({ disk: open }) => {
  it('writes, reads, links, renames and removes', async () => {
    const disk = await open();
    const [one, two, three] = ['one', 'two', 'three'].map((name) => join(root, name)) as [string, string, string];
    const made = await disk.open(one, 'wx');
    await disk.write(made, Buffer.from('first, '));
    await disk.write(made, 'ünd ');
    await disk.pour(made, 'thïrd ');
    await disk.pour(made, Buffer.alloc(3, '.'));
    await disk.sync(made);
    await disk.close(made);
    expect(readFileSync(one, 'utf8')).toBe('first, ünd thïrd ...');

    await disk.link(one, two);
    await disk.rename(one, three);
    const descriptor = await disk.open(two, 'r');
    const into = Buffer.alloc(100);
    expect(await disk.read(descriptor, into, 7)).toBe(15);
    expect(into.toString('utf8', 0, 15)).toBe('ünd thïrd ...');
    await disk.close(descriptor);
    expect((await disk.stat(three))?.size).toBe(22n);
    await disk.unlink(three);
    expect(await disk.stat(three)).toBeUndefined();
    expect(await disk.stat(join(two, 'below-a-file'))).toBeUndefined();
  });

  it('writes bodies of any length whole', async () => {
    const disk = await open();
    const body = Buffer.alloc(3_000_001, 'image');
    const descriptor = await disk.open(join(root, 'long'), 'wx');
    await disk.write(descriptor, body);
    await disk.write(descriptor, 'é'.repeat(600_000));
    await disk.close(descriptor);
    expect(readFileSync(join(root, 'long')).equals(Buffer.concat([body, Buffer.from('é'.repeat(600_000))]))).toBe(true);
  });

  it("fails with the system's own error", async () => {
    const disk = await open();
    writeFileSync(join(root, 'there'), '');
    mkdirSync(join(root, 'folder'));
    expect(await errnoOf(() => disk.open(join(root, 'there'), 'wx'))).toBe('EEXIST');
    expect(await errnoOf(() => disk.open(join(root, 'gone'), 'r'))).toBe('ENOENT');
    expect(await errnoOf(() => disk.link(join(root, 'there'), join(root, 'folder')))).toBe('EEXIST');
    expect(await errnoOf(() => disk.rename(join(root, 'there'), join(root, 'folder')))).toBe('EISDIR');
    expect(await errnoOf(() => disk.unlink(join(root, 'gone')))).toBe('ENOENT');
  });

  it.runIf(process.platform === 'linux')('says that a disk is full', async () => {
    const disk = await open();
    const full = openSync('/dev/full', 'w');
    expect(await errnoOf(() => disk.write(full, Buffer.alloc(10)))).toBe('ENOSPC');
    expect(await errnoOf(() => disk.pour(full, 'text'))).toBe('ENOSPC');
    closeSync(full);
  });
});

describe.runIf(process.platform === 'linux')('a local disk', () => {
  it('answers at once what is short, and reads and long writes later', async () => {
    const disk = await known();
    const path = (time: number): string => join(root, `file-${time}`);
    expect(await isAtOnce(() => disk.stat(path(0)))).toBe(true);
    const made: number[] = [];
    const keep = (descriptor: number): unknown => made.push(descriptor);
    const open = (time: number): unknown => {
      const answer = disk.open(path(time), 'wx');
      return answer instanceof Promise ? answer.then(keep) : keep(answer);
    };
    expect(await isAtOnce(open)).toBe(true);
    const [descriptor] = made as [number];
    expect(await isAtOnce(() => disk.write(descriptor, Buffer.alloc(1000)))).toBe(true);
    const long = disk.write(descriptor, Buffer.alloc(600_000));
    const read = disk.read(descriptor, Buffer.alloc(10), 0);
    expect([isLater(long), isLater(read)]).toEqual([true, true]);
    await Promise.allSettled([long, read]);
    for (const each of made) await disk.close(each);
  });

  it('is left to the thread pool for a while after a call that took long', async () => {
    const disk = await known();
    const pipe = join(root, 'pipe');
    execFileSync('mkfifo', [pipe]);
    // Opening a pipe for reading waits for who writes: here as on a disk that hangs.
    const writer = spawn('sh', ['-c', `sleep 0.1; exec 3> '${pipe}'; sleep 5`]);
    const descriptor = disk.open(pipe, 'r');
    expect(isLater(descriptor)).toBe(false);
    const after = disk.stat(root);
    expect(isLater(after)).toBe(true);
    await after;
    await disk.close(await descriptor);
    writer.kill();
  });

  it('of a kind that may be at the end of a network is never waited for', async () => {
    // procfs stands for all kinds that are not on the list.
    const disk = await known('/proc');
    const later = disk.stat('/proc/self');
    expect(isLater(later)).toBe(true);
    await later;
  });
});

// What a directory holds after its writers were killed at any moment: whole files only, and an index that tells the truth of each.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { directoryStore } from '../../../lambda/store/directory.ts';
import { randomFrom } from '../../helpers/fault-proxy.ts';

const WRITER = join(import.meta.dirname, '../../helpers/directory-writer.ts');
const BYTES = 200_000;
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fanout-kill-'));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

async function killAfter(run: string, milliseconds: number): Promise<void> {
  const child = fork(WRITER, [root, run, '10', String(BYTES)], { execArgv: [] });
  await once(child, 'message');
  await sleep(milliseconds);
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Checks each file and answers how many there are. */
async function check(): Promise<number> {
  const store = directoryStore(root);
  let files = 0;
  for await (const page of store.list('')) {
    for (const { key } of page) {
      const body = readFileSync(join(root, key));
      const fingerprint = body.subarray(0, body.indexOf(';')).toString();
      expect(body.equals(Buffer.alloc(BYTES, `${fingerprint};`))).toBe(true);
      const number = /(\d+)\.bin$/.exec(key)?.[1];
      expect((await store.head(key))?.provenance).toMatchObject({ source: `s3://src/${number}`, fingerprint });
      files += 1;
    }
  }
  await store.close();
  return files;
}

describe('kill -9', () => {
  it('leaves whole files that the index knows, and what is left over goes with the next write', async () => {
    const random = randomFrom(7);
    for (let run = 0; run < 12; run++) {
      await killAfter(`run-${run}`, random() * 120);
      await check();
    }
    await killAfter('last', 300);
    expect(await check()).toBe(10);
    const store = directoryStore(root);
    await store.write('after', Buffer.from('x'));
    await store.close();
    expect(readdirSync(join(root, '.image-fanout/tmp'))).toEqual([]);
  });

  it('of one of several writers of the same files disturbs nobody', async () => {
    await Promise.all(['a', 'b', 'c'].map((run, index) => killAfter(run, 250 + index * 100)));
    expect(await check()).toBe(10);
  });
});

// `report`: finds a run by its folder, its id or as the latest, and shows or makes its account.
import { existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { directoryLocation } from '../../lambda/contract/location.ts';
import { writeAccount } from '../../lambda/report/account.ts';
import { command, type ReportOptions, reportCommand } from '../../lib/cli/report.ts';
import {
  childRecord,
  failed,
  MAP_RUN,
  putAttempt,
  succeeded,
  type TestRun,
  testRun,
} from '../lambda/report/run-folders.ts';

async function report(
  run: string,
  options: ReportOptions = {},
  io: { isTTY?: boolean; env?: Record<string, string> } = {},
) {
  let text = '';
  const stdout = { isTTY: io.isTTY ?? false, write: (more: string) => (text += more) };
  const code = await reportCommand(run, options, { stdout, env: io.env ?? {} });
  return { code, text };
}

const folderOf = (run: TestRun) => join(run.root, run.folder.prefix);

/** A finished run of one success and one tolerated failure. */
async function finishedRun(): Promise<TestRun> {
  const run = testRun({ toleratedFailureCount: 1 });
  putAttempt(run, [childRecord([succeeded(0, 'a.jpg')], 1), childRecord([failed(1, 'b.jpg')], 2)]);
  await writeAccount({ ...run, status: 'SUCCEEDED', listed: 2, versions: { sharp: '0.35.5' } });
  return run;
}

/** A run over files that was killed: two of its four items are on record. */
function killedRun(source: TestRun): TestRun {
  for (const name of ['1.jpg', '2.jpg', '3.jpg', '4.jpg']) writeFileSync(join(source.root, name), name);
  const at = directoryLocation(source.root);
  const run = testRun({ source: at, reader: { kind: 'LIST', bucket: at.bucket, prefix: '' } });
  putAttempt(run, [childRecord([succeeded(2, '3.jpg')], 1), childRecord([failed(0, '1.jpg')], 2)], { manifest: false });
  run.put(`${MAP_RUN}/manifest.json`, JSON.stringify({ ResultFiles: { SUCCEEDED: [], FAILED: [], PENDING: [] } }));
  return run;
}

describe('report', () => {
  it('finds a run by its folder, by its id in the destination, as the latest, and by the destination alone', async () => {
    const run = await finishedRun();
    const byFolder = await report(folderOf(run));
    expect(byFolder.text).toContain('First failure: b.jpg\n');
    expect(byFolder.code).toBe(3);
    expect(await report('run-1', { in: run.root })).toEqual(byFolder);
    expect(await report('latest', { in: run.root })).toEqual(byFolder);
    expect(await report(run.root)).toEqual(byFolder);
  });

  it('takes the run whose job was prepared last as the latest, whatever its name', async () => {
    const run = await finishedRun();
    const other = join(run.root, '.image-fanout/runs/a-later-one/job.json');
    run.put('../a-later-one/job.json', JSON.stringify({ ...run.job, run: 'a-later-one' }));
    utimesSync(other, new Date(), new Date(Date.now() + 60_000));
    expect((await report('latest', { in: run.root })).text).toContain('Run a-later-one:');
  });

  it('prints the summary as one JSON document', async () => {
    const run = await finishedRun();
    const { text } = await report(folderOf(run), { json: true });
    expect(JSON.parse(text)).toEqual(JSON.parse(run.read('summary.json')));
    expect(JSON.parse(text).versions).toEqual({ sharp: '0.35.5' });
  });

  it('makes the account of a killed run: what the listing has and no record has is pending', async () => {
    const run = killedRun(testRun());
    const { code, text } = await report(folderOf(run));
    expect(text).toContain(
      'Run run-1: no end is on record: the process was killed, or still runs (noEndOnRecord)\n4 keys, each accounted for: 1 succeeded, 0 skipped, 1 failed, 2 pending\n',
    );
    expect(text).toContain(`image-fanout run --resume ${folderOf(run)}\n`);
    expect(code).toBe(130);
    expect(existsSync(join(folderOf(run), 'items.csv'))).toBe(true);
  });

  it('shows what is on record of a killed run whose source is gone, and says that it is not all', async () => {
    const source = testRun();
    const run = killedRun(source);
    rmSync(source.root, { recursive: true });
    const { code, text } = await report(folderOf(run));
    expect(text).toContain('This account does not add up:');
    expect(text).toContain('2 keys: 1 succeeded, 0 skipped, 1 failed, 0 pending');
    expect(code).toBe(130);
  });

  it('makes a new account when the run went on since the last one', async () => {
    const run = await finishedRun();
    putAttempt(run, [childRecord([succeeded(1, 'b.jpg')], 9)], {
      redrive: 1,
      earlier: [`${MAP_RUN}/SUCCEEDED_0.jsonl`],
    });
    utimesSync(join(folderOf(run), MAP_RUN, 'Redrive-1/manifest.json'), new Date(), new Date(Date.now() + 5000));
    const { code, text } = await report(folderOf(run));
    expect(text).toContain('2 keys, each accounted for: 2 succeeded');
    expect(code).toBe(0);
  });

  it.each([
    ['colours on a terminal', true, {}, true],
    ['no colours in a pipe', false, {}, false],
    ['no colours with NO_COLOR', true, { NO_COLOR: '1' }, false],
  ])('has %s', async (_what, isTTY, env, colored) => {
    const run = await finishedRun();
    expect((await report(folderOf(run), {}, { isTTY, env })).text.includes('\u001b[')).toBe(colored);
  });

  it.each([
    ['an id', 'nothing', 'expected the run nothing in '],
    ['the latest of none', 'latest', 'expected a run in '],
  ])('says where it looked for %s', async (_what, name, message) => {
    const run = testRun();
    rmSync(folderOf(run), { recursive: true });
    await expect(report(name, { in: run.root })).rejects.toThrow(
      `${message}${join(run.root, '.image-fanout/runs/')} or ${join(run.root, 'runs/')}, found none`,
    );
    await expect(report(folderOf(run))).rejects.toThrow(/^No run at .*: expected a job\.json there$/);
  });

  it('refuses two places to look in', async () => {
    await expect(report('run-1', { in: '/tmp', stack: 'x' })).rejects.toThrow('expected --in or --stack, got both');
  });

  it('says where the page is, writes it into a file, and makes it again where it is gone', async () => {
    const run = await finishedRun();
    const page = join(folderOf(run), 'report.html');
    expect(await report(run.root, { html: true })).toEqual({ code: 3, text: `${page}\n` });
    const file = join(run.root, 'copy.html');
    expect(await report(run.root, { html: true, file })).toEqual({ code: 3, text: `${file}\n` });
    expect(readFileSync(file, 'utf8')).toBe(readFileSync(page, 'utf8'));
    rmSync(page);
    await report(run.root, { html: true });
    expect(readFileSync(page, 'utf8')).toContain('<title>Done, with failures: run-1</title>');
    await expect(report(run.root, { html: true, file: join(run.root, 'photo.jpg') })).rejects.toThrow(
      /expected a name that ends in \.html, got .*photo\.jpg/,
    );
  });

  it('refuses what does not go together', async () => {
    const call = (options: Record<string, boolean>, ...words: string[]) => command.run(words, options as never);
    await expect(call({}, 'latest', 'page.html')).rejects.toThrow('expected --html before a file');
    await expect(call({ html: true, json: true }, 'latest')).rejects.toThrow('expected one of --json, --html');
    await expect(call({ open: true, json: true }, 'latest')).rejects.toThrow('expected --open or --json');
  });
});

// The account of a million keys and its page: their peak memory, the page's size and that it opens in a browser, and its time beside reading and parsing the same files and nothing else.
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { directoryLocation } from '../lambda/contract/location.ts';
import { writeAccount } from '../lambda/report/account.ts';
import { readJob } from '../lambda/report/run-folder.ts';
import { PAGE_FILE } from '../lambda/report/summary.ts';
import { directoryStore } from '../lambda/store/directory.ts';
import { KINDS, makeRun, PREFIX } from './harness/account-run.ts';
import { judge } from './harness/report.ts';

const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    /** Records in no order at all, rather than in the order in which children end. */
    shuffled: { type: 'boolean', default: false },
    /** What a process that this bench starts does: `read` or `account`. */
    act: { type: 'string' },
    root: { type: 'string' },
  },
});

const items = Number(values.items);

const PICTURE = 'picture.webp';

if (values.act === undefined) await bench();
else await act(values.act, values.root ?? '');

async function bench(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'image-fanout-bench-account-'));
  try {
    const bytes = await makeRun(root, items, values.shuffled);
    await makePicture(root);
    console.log(
      `${items} keys, ${Math.round(bytes / 1e6)} MB of result files, ${values.shuffled ? 'shuffled' : 'in the order of ending'}`,
    );
    const measured: Record<'read' | 'account', Act[]> = { read: [], account: [] };
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const name of ['read', 'account'] as const) measured[name].push(await inProcess(name, root));
    }
    for (const [name, acts] of Object.entries(measured)) {
      console.log(
        `${name.padEnd(8)} ${acts.map(({ seconds, megabytes }) => `${seconds.toFixed(1)} s, ${megabytes} MB`).join('; ')}`,
      );
    }
    const ratios = measured.account.map(
      ({ seconds }, round) => seconds / (measured.read[round]?.seconds ?? Number.NaN),
    );
    console.log(
      `the account takes ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')} times as long as reading and parsing`,
    );
    await judgePage(join(root, PREFIX, PAGE_FILE));
    judge('MB resident at most', Math.max(...measured.account.map(({ megabytes }) => megabytes)), { atMost: 300 });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** What a mail takes, and what a browser opens without a word. */
async function judgePage(path: string): Promise<void> {
  judge("MB of the run's page", (await stat(path)).size / 1e6, { atMost: 3 });
  const { haveBrowser, startBrowser } = await import('../test/helpers/browser.ts');
  if (!haveBrowser) {
    console.log('no browser here: the page was not opened');
    return;
  }
  await using browser = await startBrowser();
  const start = performance.now();
  const { page, complaints, requests } = await browser.open(path);
  const pictures = await page.locator('.card img').count();
  console.log(
    `opened in ${Math.round(performance.now() - start)} ms, ${pictures} pictures: ${await page.locator('h1').innerText()}`,
  );
  judge('complaints and requests of the browser', complaints.length + requests.length, { atMost: 0 });
}

/** Stands for every picture, and is as large as one may be: a page can hold no more. Made here, as the account has no sharp. */
async function makePicture(root: string): Promise<void> {
  const { default: sharp } = await import('sharp');
  const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
  const image = sharp({ create: { width: 160, height: 120, channels: 3, background: 'teal', noise } });
  await image.webp({ quality: 90 }).toFile(join(root, PICTURE));
}

interface Act {
  readonly seconds: number;
  readonly megabytes: number;
}

/** Each act has a process of its own, so that its peak is its own. */
async function inProcess(name: string, root: string): Promise<Act> {
  const child = spawn(
    process.execPath,
    [import.meta.filename, '--act', name, '--root', root, '--items', String(items)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  if (text === '') throw new Error(`${name} ended with ${child.exitCode}`);
  return JSON.parse(text) as Act;
}

async function act(name: string, root: string): Promise<void> {
  const start = performance.now();
  if (name === 'read') await readAll(root);
  else await account(root);
  const seconds = (performance.now() - start) / 1000;
  process.stdout.write(JSON.stringify({ seconds, megabytes: Math.round(process.resourceUsage().maxRSS / 1000) }));
}

async function account(root: string): Promise<void> {
  const folder = { ...directoryLocation(root), prefix: PREFIX };
  const store = directoryStore(root);
  const job = await readJob(store, folder);
  const picture = await readFile(join(root, PICTURE));
  const pictures = { open: () => ({ ...store, read: async () => ({ body: picture, etag: 'x' }) }) };
  const { check, counts } = await writeAccount({ store, folder, job, listed: items, pictures });
  await store.close();
  if (!check.balanced || counts.total !== items) throw new Error(`Not balanced: ${JSON.stringify({ check, counts })}`);
}

/** What cannot be saved: every line, and the JSON in it. */
async function readAll(root: string): Promise<void> {
  let parsed = 0;
  for (const kind of KINDS) {
    const lines = createInterface({ input: createReadStream(join(root, PREFIX, 'uuid', `${kind}_0.jsonl`)) });
    for await (const line of lines) {
      const { Input, Output } = JSON.parse(line) as { Input: string; Output?: string };
      JSON.parse(Input);
      if (Output !== undefined) JSON.parse(Output);
      parsed++;
    }
  }
  if (parsed !== items) throw new Error(`Read ${parsed} of ${items}`);
}

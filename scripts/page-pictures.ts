// Takes the README's pictures of the pages: a real run on the demo's samples and some broken files, and a recipe lab, in a real browser. Not part of any build.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { makeSamples } from '../examples/make-samples.ts';
import { startBrowser } from '../test/helpers/browser.ts';

const ROOT = resolve(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'image-fanout-pictures-'));
const source = join(folder, 'photos');
await makeSamples(source);
const photo = readFileSync(join(source, 'camera/DSC_0003.jpg'));
mkdirSync(join(source, 'inbox'));
const broken = {
  'upload-cut.jpg': photo.subarray(0, photo.length / 2),
  'not-found.jpg': '<!doctype html><title>404 Not Found</title>',
  'empty.png': '',
  'drawing.svg': '<svg xmlns="http://www.w3.org/2000/svg"><rect width="9"',
};
for (const [name, body] of Object.entries(broken)) writeFileSync(join(source, 'inbox', name), body);

function run(...argv: string[]): string {
  const { stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'bin/image-fanout.js'), ...argv], {
    cwd: folder,
    encoding: 'utf8',
  });
  process.stderr.write(stderr);
  return stdout.trim();
}
run('run', 'photos', 'site', '--recipe', 'web', '--tolerated-failure-count', '10');
const page = run('report', 'site', '--html');
writeFileSync(
  join(folder, 'photo.json'),
  JSON.stringify({ resize: { width: 1024 }, outputs: [{ name: 'page', format: 'webp', webp: { quality: 75 } }] }),
);
const lab = run(
  ...['recipe', 'lab', 'photo.json', 'photos/albums/2024/Summer in the Alps/ridge at dawn.jpg'],
  ...['--vary', 'webp.quality=30,50,70,90', '--vary', 'format=webp,avif', '--out', 'lab.html'],
);

await using browser = await startBrowser();

async function shot(
  name: string,
  file: string,
  options: {
    readonly scheme: 'light' | 'dark';
    readonly width: number;
    readonly height: number;
    readonly from?: string;
  },
): Promise<void> {
  const { page: window } = await browser.open(file, options);
  await window.setViewportSize({ width: options.width, height: options.height });
  if (options.from !== undefined) {
    await window.locator(options.from).evaluate((one) => one.scrollIntoView({ block: 'start' }));
    await window.evaluate('scrollBy(0, -40)');
  }
  await window.evaluate('Promise.all([...document.images].map((one) => one.decode().catch(() => {})))');
  const png = await window.screenshot();
  await sharp(png)
    .webp({ quality: 82, effort: 6, smartSubsample: true })
    .toFile(join(ROOT, 'docs/images', `${name}.webp`));
  await window.close();
}
await shot('page-light', page, { scheme: 'light', width: 1180, height: 900 });
await shot('page-dark', page, { scheme: 'dark', width: 1180, height: 900, from: '#sheet' });
await shot('page-phone', page, { scheme: 'light', width: 390, height: 900, from: '#sheet' });
await shot('lab', lab, { scheme: 'light', width: 1180, height: 900, from: '#image-0' });
rmSync(folder, { recursive: true });

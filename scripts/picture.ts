// Takes the README's picture: a real session of the command line on the demo's samples, as headless Chromium shows it. Not part of any build.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { makeSamples } from '../examples/make-samples.ts';

const ROOT = resolve(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'image-fanout-picture-'));
const source = join(folder, 'photos');
const samples = await makeSamples(source);
writeFileSync(join(source, 'broken.jpg'), readFileSync(join(source, samples[0] as string)).subarray(0, 20_000));

const session: string[] = [];
function run(...argv: string[]): void {
  session.push(`<b>$ npx image-fanout ${argv.join(' ')}</b>`);
  const { stdout } = spawnSync(process.execPath, [join(ROOT, 'bin/image-fanout.js'), ...argv], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  session.push(stdout.replaceAll(`${folder}/`, '').replaceAll('&', '&amp;').replaceAll('<', '&lt;').trimEnd(), '');
}
run('run', 'photos', 'site', '--recipe', 'web', '--max-concurrency', '4');
cpSync(join(source, samples[0] as string), join(source, 'broken.jpg'));
const id = execFileSync('ls', [join(folder, 'site/.image-fanout/runs')], { encoding: 'utf8' }).trim();
run('run', '--resume', `site/.image-fanout/runs/${id}`);

const picks = samples.filter((name) => /\.(jpe?g|png|webp)$/.test(name) && !name.includes('orientation')).slice(0, 12);
const tiles = await Promise.all(
  picks.map(async (name) => {
    const tile = await sharp(join(source, name)).autoOrient().resize(150, 104).jpeg({ quality: 82 }).toBuffer();
    return `<img src="data:image/jpeg;base64,${tile.toString('base64')}">`;
  }),
);
const page = join(folder, 'page.html');
writeFileSync(
  page,
  `<!doctype html><meta charset="utf-8"><style>
  body { margin: 0; padding: 24px; background: #f6f8fa; font: 14px/1.45 "DejaVu Sans Mono", monospace; width: 952px }
  pre { margin: 0; padding: 18px 22px; background: #0d1117; color: #c9d1d9; border-radius: 8px; font: inherit; white-space: pre-wrap; overflow-wrap: anywhere }
  b { color: #7ee787; font-weight: 600 } div { display: grid; grid-template-columns: repeat(6, 1fr); gap: 8px; margin-bottom: 14px }
  img { width: 100%; display: block; border-radius: 4px }</style><div>${tiles.join('')}</div><pre>${session.join('\n').trimEnd()}</pre>`,
);
const shot = join(folder, 'shot.png');
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--force-device-scale-factor=1.5'];
execFileSync('chromium', [...flags, '--window-size=1000,1400', `--screenshot=${shot}`, `file://${page}`], {
  stdio: 'ignore',
});
const trimmed = await sharp(shot)
  .trim({ background: '#f6f8fa', threshold: 4 })
  .extend({ top: 24, bottom: 24, left: 24, right: 24, background: '#f6f8fa' })
  .png({ palette: true, colours: 200 })
  .toBuffer();
writeFileSync(join(ROOT, 'docs/images/run.png'), trimmed);
rmSync(folder, { recursive: true });

// The lab's page: per image and output a large view with a slider and a zoom, the curve, the numbers, and the recipe of each variant to copy.
import { document } from '../../../lambda/report/page/document.ts';
import { percent } from '../../../lambda/report/page/facts.ts';
import { foreign, type Html, html } from '../../../lambda/report/page/html.ts';
import { type Cell, type Column, table } from '../../../lambda/report/page/parts.ts';
import { formatBytes, formatCount, formatDuration } from '../../../lambda/report/units.ts';
import { curve } from './curve.ts';
import type { Candidate, LabImage, LabOutput } from './make.ts';
import type { Variant } from './variants.ts';

/** The page as one self-contained HTML file. `recipe` is its name as it was given. */
export function labPage(recipe: string, variants: readonly Variant[], images: readonly LabImage[]): string {
  const title = `Recipe lab: ${recipe}`;
  const count = (all: readonly unknown[], one: string, more: string) =>
    `${formatCount(all.length)} ${all.length === 1 ? one : more}`;
  return document({
    title,
    header: html`<p class="crumb">image-fanout · recipe lab</p><h1>${foreign(recipe, 100)}: ${count(images, 'image', 'images')}, ${count(variants, 'variant', 'variants')}</h1>`,
    sections: [variantsSection(variants, images), ...images.map(imageSection)],
    footer: html`SSIM is that of <code>minSsim</code>: luminance at the size of a look, against the pixels before they are encoded; of an animation its first frame. Milliseconds are those of this machine, and outputs of one image are made side by side.`,
  });
}

function variantsSection(variants: readonly Variant[], images: readonly LabImage[]): Html {
  const totals = variants.map(({ name }) => {
    const own = images.flatMap(({ outputs }) =>
      outputs.flatMap(({ candidates }) => candidates.filter((one) => one.variants.includes(name))),
    );
    const sum = (of: (one: Candidate) => number) => own.reduce((all, one) => all + of(one), 0);
    return {
      name,
      made: own.length,
      bytes: sum(({ bytes }) => bytes),
      milliseconds: sum(({ milliseconds }) => milliseconds),
      mean: own.length === 0 ? 0 : sum(({ ssim }) => ssim) / own.length,
      least: Math.min(1, ...own.map(({ ssim }) => ssim)),
    };
  });
  const [first] = totals;
  const rows = totals.map(({ name, made, bytes, milliseconds, mean, least }): Cell[] => {
    const beside = first === undefined || first.bytes === 0 ? 0 : bytes / first.bytes;
    return [
      { text: foreign(name, 200) },
      { text: formatCount(made), sort: made },
      { text: formatBytes(bytes), sort: bytes },
      { text: percent(beside), sort: beside },
      { text: mean.toFixed(4), sort: mean },
      { text: least.toFixed(4), sort: least },
      { text: formatDuration(milliseconds), sort: milliseconds },
    ];
  });
  const columns: readonly Column[] = [
    { name: 'Variant' },
    ...['Outputs', 'Bytes', 'Beside the recipe', 'SSIM, mean', 'SSIM, least', 'Took'].map((name) => ({
      name,
      numeric: true,
    })),
  ];
  const recipes = variants.map(
    ({ name, written }) =>
      html`<details><summary>Recipe: ${foreign(name, 200)}</summary><div class="command"><code tabindex="0"><bdi>${JSON.stringify(written, undefined, 2)}</bdi></code><button type="button" data-copy hidden>Copy</button></div></details>`,
  );
  return html`<section aria-labelledby="variants"><h2 id="variants">Variants</h2>${table(columns, rows, { caption: 'Sums and means over all images and outputs', sortable: true })}<h3>Each variant as a recipe</h3>${recipes}</section>`;
}

function imageSection({ name, bytes, source, outputs, failures }: LabImage, place: number): Html {
  const shape = [
    source.format,
    `${source.width} × ${source.height}`,
    source.pages && `${source.pages} frames`,
    formatBytes(bytes),
  ];
  return html`<section aria-labelledby="image-${place}"><h2 id="image-${place}">${foreign(name, 200)}</h2><p class="note">${shape.filter(Boolean).join(', ')}</p>${failures.length > 0 && html`<ul>${failures.map(({ variant, why }) => html`<li>${foreign(variant)}: ${foreign(why)}</li>`)}</ul>`}${outputs.map((output, at) => outputPart(output, `${place}-${at}`, outputs.length > 4 && at > 0))}</section>`;
}

function outputPart({ name, reference, candidates }: LabOutput, id: string, folded: boolean): Html {
  const choices = [
    { id: `ref-${id}`, label: 'source at this size' },
    ...candidates.map((one, at) => ({ id: `c-${id}-${at}`, label: labelOf(one) })),
  ];
  const select = (side: 'before' | 'after', chosen: number, name: string) =>
    html`<label>${name} <select data-side="${side}">${choices.map(({ id: value, label }, at) => html`<option value="${value}"${at === chosen && html` selected`}>${label}</option>`)}</select></label>`;
  const range = (name: string, set: string, least: number, most: number, value: number, unit: string) =>
    html`<label>${name} <input type="range" data-set="${set}" data-unit="${unit}" min="${least}" max="${most}" step="${unit === '' ? '0.5' : '1'}" value="${value}"></label>`;
  const viewer = html`<div class="viewer" hidden><div class="controls">${select('before', 0, 'Left')}${select('after', 1, 'Right')}${range('Zoom', '--zoom', 1, 12, 1, '')}${range('Across', '--x', 0, 100, 50, '%')}${range('Down', '--y', 0, 100, 50, '%')}</div><div class="frame compare"><div class="half r"><img class="after" alt="Right"></div><div class="half l"><img class="before" alt="Left"></div><input type="range" min="0" max="100" value="50" aria-label="Left and right of ${name}"><span class="rule"></span><span class="side l"></span><span class="side r"></span></div></div>`;
  const rows = candidates.map((one, at): Cell[] => {
    const { variants, format, bytes, width, height, milliseconds, quality, ssim, shown } = one;
    return [
      {
        text: html`<img class="thumb" id="c-${id}-${at}" src="data:${shown.type};base64,${shown.body.toString('base64')}" alt="${labelOf(one)}">`,
      },
      { text: variants.map((variant) => html`<div>${foreign(variant, 200)}</div>`) },
      { text: `${format}${shown.itself ? '' : ' (shown as WebP)'}` },
      { text: `${width} × ${height}`, sort: width * height },
      { text: quality, sort: quality ?? -1 },
      { text: formatBytes(bytes), sort: bytes },
      { text: ssim.toFixed(4), sort: ssim },
      { text: formatDuration(milliseconds), sort: milliseconds },
    ];
  });
  const columns: readonly Column[] = [
    ...['Picture', 'Variant', 'Format'].map((name) => ({ name })),
    ...['Pixels', 'Quality', 'Bytes', 'SSIM', 'Took'].map((name) => ({ name, numeric: true })),
  ];
  const numbers = table(columns, rows, { caption: `What became of ${name}`, sortable: true });
  const source = html`<img class="quiet" id="ref-${id}" src="data:${reference.type};base64,${reference.body.toString('base64')}" alt="The source at the size of ${name}">`;
  const body = html`${viewer}${source}<div class="beside"><div>${numbers}</div><div>${curve(candidates, `${name}: bytes against SSIM`)}</div></div>`;
  return html`<details${!folded && html` open`}><summary>${foreign(name, 100)}</summary>${body}</details>`;
}

function labelOf({ variants, format, quality, bytes }: Candidate): string {
  const [first = ''] = variants;
  const what = `${format}${quality === undefined ? '' : ` ${quality}`}`;
  return `${what}, ${formatBytes(bytes)}${first === 'as written' || first.includes(String(quality)) ? '' : ` (${first})`}`;
}

// One self-contained HTML file: its style, its script and the policy that lets nothing else be loaded or run.
import { createHash } from 'node:crypto';
import { type Html, html, Html as Markup } from './html.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

/** By digest, so that no markup that came from a key could run or load anything: https://www.w3.org/TR/CSP3/ */
const POLICY = [
  "default-src 'none'",
  'img-src data:',
  `style-src '${digest(STYLE)}'`,
  `script-src '${digest(SCRIPT)}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** By this a page is known as one of ours, which may be written over. */
export const GENERATOR = '<meta name="generator" content="image-fanout">';

/** The whole file. `header` is what stands above the sections. */
export function document(page: {
  readonly title: string;
  readonly header: Html;
  readonly sections: readonly (Html | undefined)[];
  readonly footer: Html;
}): string {
  const style = new Markup(`<style>${STYLE}</style>`);
  const script = new Markup(`<script>${SCRIPT}</script>`);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
${new Markup(GENERATOR)}
<title>${page.title}</title>
<link rel="icon" href="data:,">
${style}
</head>
<body>
<header class="top">${page.header}</header>
<main>
${page.sections}
</main>
<footer>${page.footer}</footer>
${script}
</body>
</html>
`.markup;
}

function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

// A plan as a page of its own: one HTML file without scripts, for whoever decides.
import type { PlanReport } from '../../lambda/plan/report.ts';
import type { Where } from './plan-job.ts';
import { planSections } from './plan-text.ts';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 1.5rem 0 0.3rem; }
ul { margin: 0; padding-left: 1.2rem; } ul ul { opacity: 0.75; font-size: 0.9em; }
`;

/** The page: what the text says, line for line. */
export function planPage(report: PlanReport, where: Where): string {
  const sections = planSections(report, where).map(([title = '', ...lines]) => {
    const list = lines.length === 0 ? '' : `\n${listOf(lines)}`;
    return `<section><h2>${escaped(title)}</h2>${list}</section>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Plan: ${escaped(report.source)} to ${escaped(report.destination)}</title>
<style>${STYLE}</style>
<body>
<h1>Plan</h1>
${sections.join('\n')}
</body>
</html>
`;
}

/** Lines with two spaces before them as a list, those with more as lists within. */
function listOf(lines: readonly string[]): string {
  const items: { text: string; below: string[] }[] = [];
  for (const line of lines) {
    const last = items.at(-1);
    if (line.startsWith('    ') && last !== undefined) last.below.push(line.slice(2));
    else items.push({ text: line.trim(), below: [] });
  }
  const texts = items.map(
    ({ text, below }) => `<li>${escaped(text)}${below.length === 0 ? '' : `\n${listOf(below)}`}</li>`,
  );
  return `<ul>\n${texts.join('\n')}\n</ul>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

// Writes the tables of README.md and docs/ that are made from the code: the job's fields, the ends of a run, the commands, the context keys, the costs. `npm run docs` calls it.
import { readFileSync, writeFileSync } from 'node:fs';
import { jobSchema, NESTED } from '../lambda/job/job.ts';
import { RUN_STATUSES } from '../lambda/report/status.ts';
import { contextSchema } from '../lib/cloud/context.ts';
import { costTable } from '../lib/costs.ts';
import { CONTEXT_PREFIX } from '../lib/outputs.ts';
import { commandSections, jobOptionsTable } from './cli-tables.ts';

/** The job's fields, from the schema that reads them. */
export function jobTable(): string {
  const rows = Object.entries(jobSchema.shape).flatMap(([field, schema]) => {
    const nested = Object.entries(NESTED[field]?.shape ?? {}).map(([name, it]) => row(`${field}.${name}`, it as Field));
    // The limits are always there; what else holds fields is itself one that may be left out.
    return field === 'limits' ? nested : [row(field, schema), ...nested];
  });
  return ['| field | meaning | default |', '|---|---|---|', ...rows].join('\n');
}

/** The context keys of a deployment, from the schema that reads them. */
export function contextTable(): string {
  const rows = Object.entries(contextSchema.shape).map(([key, schema]) => row(CONTEXT_PREFIX + key, schema));
  return ['| context key | what it sets | default |', '|---|---|---|', ...rows].join('\n');
}

/** Every way for a run to end. */
export function statusTable(): string {
  const rows = Object.entries(RUN_STATUSES).map(
    ([word, { exitCode, meaning }]) => `| ${exitCode} | \`${word}\` | ${meaning} |`,
  );
  return ['| exit code | `status` | meaning |', '|---|---|---|', ...rows].join('\n');
}

/** A document's sections, as links, in one paragraph; GitHub's way from a heading to its anchor. */
export function tableOfContents(text: string): string {
  const after = text.slice(text.indexOf('<!-- toc:end -->'));
  const headings = [...after.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading);
  const anchor = (heading: string) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
  return headings.map((heading) => `[${heading}](#${anchor(heading)})`).join(' · ');
}

interface Field {
  readonly description?: string | undefined;
  safeParse(input: unknown): { success: boolean; data?: unknown };
}

function row(name: string, schema: Field): string {
  const [meaning = '', given] = (schema.description ?? '').replaceAll('<', '\\<').split(' Default: ');
  return `| \`${name}\` | ${meaning} | ${given?.replace(/\.$/, '') ?? defaultOf(schema)} |`;
}

function defaultOf(schema: Field): string {
  const { data } = schema.safeParse(undefined);
  if (data === undefined) return '';
  if (Array.isArray(data) && data.length === 0) return 'none';
  return `\`${typeof data === 'object' ? JSON.stringify(data) : String(data)}\``;
}

/** The documents that hold such tables. */
export const DOCUMENTS = ['README.md', 'docs/account.md', 'docs/cli.md'] as const;

/** What stands between the markers `<!-- name:start -->` and `<!-- name:end -->`, by name. */
export const TABLES: Readonly<Record<string, (text: string) => string>> = {
  toc: tableOfContents,
  job: jobTable,
  context: contextTable,
  costs: costTable,
  status: statusTable,
  'job-options': jobOptionsTable,
  commands: commandSections,
};

/** The text with its tables made anew. Throws on a marker that is the start of no table. */
export function withTables(text: string): string {
  return text.replace(
    /(<!-- ([\w-]+):start -->\n)[\s\S]*?(<!-- \2:end -->)/g,
    (all, start: string, name: string, end) => {
      const table = TABLES[name];
      if (table === undefined && name !== 'recipes') throw new Error(`there is no table "${name}"`);
      return table === undefined ? all : `${start}\n${table(text)}\n\n${end}`;
    },
  );
}

if (import.meta.main) {
  for (const name of DOCUMENTS) {
    const file = new URL(`../${name}`, import.meta.url);
    writeFileSync(file, withTables(readFileSync(file, 'utf8')));
  }
}

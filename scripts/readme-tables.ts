// Writes the tables of README.md that are made from the code: the job's fields, the context keys, the costs. `npm run docs` calls it.
import { readFileSync, writeFileSync } from 'node:fs';
import { limitsSchema } from '../lambda/contract/limits.ts';
import { jobSchema } from '../lambda/job/job.ts';
import { CONTEXT_PREFIX, contextSchema } from '../lib/cloud/context.ts';
import { costTable } from '../lib/costs.ts';

/** The job's fields, from the schema that reads them. */
export function jobTable(): string {
  const limits = Object.entries(limitsSchema.shape).map(([name, schema]) => row(`limits.${name}`, schema));
  const rows = Object.entries(jobSchema.shape).flatMap(([field, schema]) =>
    field === 'limits' ? limits : [row(field, schema)],
  );
  return ['| field | meaning | default |', '|---|---|---|', ...rows].join('\n');
}

/** The context keys of a deployment, from the schema that reads them. */
export function contextTable(): string {
  const rows = Object.entries(contextSchema.shape).map(([key, schema]) => row(CONTEXT_PREFIX + key, schema));
  return ['| context key | what it sets | default |', '|---|---|---|', ...rows].join('\n');
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

/** What stands between the markers `<!-- name:start -->` and `<!-- name:end -->`, by name. */
export const TABLES: Readonly<Record<string, () => string>> = {
  job: jobTable,
  context: contextTable,
  costs: costTable,
};

/** The text with its tables made anew. Throws when a marker is missing. */
export function withTables(text: string): string {
  return Object.entries(TABLES).reduce((result, [name, table]) => {
    const pattern = new RegExp(`(<!-- ${name}:start -->\\n)[\\s\\S]*?(<!-- ${name}:end -->)`);
    if (!pattern.test(result)) throw new Error(`expected the markers of the table "${name}" in README.md, found none`);
    return result.replace(pattern, (_all, start: string, end: string) => `${start}\n${table()}\n\n${end}`);
  }, text);
}

if (import.meta.main) {
  const file = new URL('../README.md', import.meta.url);
  writeFileSync(file, withTables(readFileSync(file, 'utf8')));
}

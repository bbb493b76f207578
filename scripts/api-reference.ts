// Writes docs/api.md, the reference of what the package exports, from the doc comments of its declarations; run: npm run api
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Extractor, ExtractorConfig, type ExtractorMessage } from '@microsoft/api-extractor';
import {
  ApiClass,
  ApiDeclaredItem,
  ApiDocumentedItem,
  ApiInterface,
  type ApiItem,
  ApiItemKind,
  ApiModel,
} from '@microsoft/api-extractor-model';

const ROOT = resolve(import.meta.dirname, '..');

/** What users import, the declarations behind it, and what it is for. */
const ENTRIES = [
  ['image-fanout', 'lib/cloud/index', 'The construct for CDK apps, and the stack of the package’s own app.'],
  ['image-fanout/engine', 'lib/engine', 'Runs a job on this machine, from code of one’s own.'],
  [
    'image-fanout/contract',
    'lib/contract',
    'Jobs, recipes, outcomes, errors and summaries: what everything says to each other.',
  ],
] as const;

/** Exports that are tables or types of a schema: their fields stand elsewhere in the documents. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  Job: 'Its fields: [README](../README.md#the-job).',
  JobInput: 'Its fields: [README](../README.md#the-job).',
  Recipe: 'Its fields: [recipes.md](recipes.md).',
  RecipeInput: 'Its fields: [recipes.md](recipes.md).',
  Summary: 'Its fields: [account.md](account.md).',
  RUN_STATUSES: 'The table: [README](../README.md#run-it-here).',
  ERROR_CLASSES: 'The table: [reliability.md](reliability.md).',
  Settings: 'The keys: [README](../README.md#deploy).',
};

export interface ApiReference {
  /** The text of docs/api.md. */
  readonly text: string;
  /** Exports and their members without a doc comment, as `image-fanout/engine RunJobOptions.signal`. */
  readonly undocumented: readonly string[];
  /** What the extractor itself found wrong. */
  readonly problems: readonly string[];
}

/** Reads the declarations in dist/types, which `npm run build` makes. */
export function apiReference(): ApiReference {
  const undocumented: string[] = [];
  const problems: string[] = [];
  const parts = ENTRIES.map(([name, entry, purpose]) => {
    const items = itemsOf(entry, (message) => {
      if (message.logLevel === 'error') problems.push(`${name} ${message.text}`);
    });
    const sections = items.map((item) => section(name, item, undocumented));
    return [`## ${name}`, purpose, ...sections].join('\n\n');
  });
  const head = `# API

What the package exports, made from its doc comments by \`npm run api\`. How to use it: [README](../README.md),
[deploy.md](deploy.md#in-a-cdk-app-of-your-own).`;
  return { text: `${[head, ...parts].join('\n\n')}\n`, undocumented, problems };
}

function itemsOf(entry: string, onMessage: (message: ExtractorMessage) => void): ApiItem[] {
  const apiJsonFilePath = join(ROOT, '.build/api', `${entry.replaceAll('/', '-')}.api.json`);
  const declarations = join(ROOT, 'dist/types', `${entry}.d.ts`);
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2023'],
    module: 'nodenext',
    strict: true,
    types: ['node'],
    skipLibCheck: true,
  };
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: declarations,
      compiler: { overrideTsconfig: { compilerOptions, files: [declarations] } },
      docModel: { enabled: true, apiJsonFilePath },
      apiReport: { enabled: false, reportFileName: 'none.api.md' },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(ROOT, 'package.json'),
  });
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      message.handled = true;
      onMessage(message);
    },
  });
  const [point] = new ApiModel().loadPackage(apiJsonFilePath).entryPoints;
  return [...(point?.members ?? [])].sort((a, b) => order(a) - order(b) || a.displayName.localeCompare(b.displayName));
}

/** Classes and functions first: they are what is called. */
const order = ({ kind }: ApiItem): number =>
  [ApiItemKind.Class, ApiItemKind.Function, ApiItemKind.Interface].indexOf(kind) >>> 0;

function section(entry: string, item: ApiItem, undocumented: string[]): string {
  const text = [`### ${item.displayName}`];
  const said = comment(item);
  if (said === '') undocumented.push(`${entry} ${item.displayName}`);
  if (said !== '') text.push(said);
  const elsewhere = ELSEWHERE[item.displayName];
  if (elsewhere !== undefined) text.push(elsewhere);
  const members = item instanceof ApiInterface || item instanceof ApiClass ? item.members : [];
  if (members.length === 0 && elsewhere === undefined) text.push(`\`\`\`ts\n${excerpt(item)}\n\`\`\``);
  if (members.length > 0 && elsewhere === undefined) {
    const rows = members.map((member) => {
      const meaning = comment(member);
      if (meaning === '') undocumented.push(`${entry} ${item.displayName}.${member.displayName}`);
      return `| \`${cell(
        excerpt(member)
          .replace(/^readonly /, '')
          .replace(/;$/, ''),
      )}\` | ${cell(meaning)} |`;
    });
    text.push(`|  | meaning |\n|---|---|\n${rows.join('\n')}`);
  }
  return text.join('\n\n');
}

const excerpt = (item: ApiItem): string =>
  item instanceof ApiDeclaredItem ? item.excerpt.text.replace(/^export declare /, '').trim() : item.displayName;

/** The doc comment as text: its stars go, `@default` becomes a sentence. */
function comment(item: ApiItem): string {
  if (!(item instanceof ApiDocumentedItem) || item.tsdocComment === undefined) return '';
  const lines = item.tsdocComment.emitAsTsdoc().split('\n');
  const text = lines.map((line) => line.replace(/^\s*\/?\*+\/?\s?/, '').replace(/\s*\*\/$/, '')).join(' ');
  return text
    .replace(/@default(?:Value)?\s+(?:- )?(.*)$/, 'Default: $1')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/(Default: .*?)\.?$/, '$1.');
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

if (import.meta.main) {
  const { text, undocumented, problems } = apiReference();
  for (const line of [...problems, ...undocumented.map((name) => `expected a doc comment of ${name}, found none`)]) {
    console.error(line);
    process.exitCode = 1;
  }
  writeFileSync(join(ROOT, 'docs/api.md'), text);
  if (readFileSync(join(ROOT, 'docs/api.md'), 'utf8') !== text) throw new Error('docs/api.md was changed meanwhile');
}

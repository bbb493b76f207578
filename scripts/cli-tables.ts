// What docs/cli.md says of each command: its usage, options, examples and exit codes, from the tables that the program itself reads.
import type { Command, OptionTable } from '../lib/cli/command.ts';
import { EXAMPLES } from '../lib/cli/examples.ts';
import { optionName, optionText } from '../lib/cli/help.ts';
import { JOB_FILE_OPTION, JOB_OPTIONS } from '../lib/cli/job-options.ts';
import { COMMANDS } from '../lib/cli/main.ts';

const commands: readonly (readonly [name: string, command: Command])[] = await Promise.all(
  Object.entries(COMMANDS).map(async ([name, { load }]) => [name, (await load()).command] as const),
);

const JOB: OptionTable = { ...JOB_OPTIONS, ...JOB_FILE_OPTION };

/** The options that are a job's fields: those of `run`, `start` and `plan`. */
export function jobOptionsTable(): string {
  return optionRows(JOB);
}

/** A section for each command. */
export function commandSections(): string {
  return commands.map(([name, command]) => section(name, command)).join('\n\n');
}

function section(name: string, { summary, usage, details = [], options, endsLikeRun, exits }: Command): string {
  const takesJob = Object.keys(JOB).every((option) => options[option] === JOB[option]);
  const own = takesJob ? Object.fromEntries(Object.entries(options).filter(([option]) => !(option in JOB))) : options;
  const codes = Object.entries(exits ?? {}).map(([code, meaning]) => `${code}: ${meaning}`);
  return [
    `### ${name}`,
    inText(summary),
    ...details.map((text) => inText(text.replaceAll('\n', ' '))),
    `\`\`\`text\n${usage.map((one) => `image-fanout ${one}`).join('\n')}\n\`\`\``,
    ...(takesJob ? ['The [options of jobs](#options-of-jobs), and:'] : []),
    ...(Object.keys(own).length === 0 ? [] : [optionRows(own)]),
    `\`\`\`sh\n${(EXAMPLES[name] ?? []).join('\n')}\n\`\`\``,
    ...(endsLikeRun === true ? ["Its exit code is the run's own: [account.md](account.md)."] : []),
    ...(codes.length === 0 ? [] : [`Exit codes besides 0 and 1: ${codes.join('; ')}.`]),
  ].join('\n\n');
}

function optionRows(options: OptionTable): string {
  const rows = Object.entries(options).map(
    ([name, option]) => `| \`${optionName(name, option).replaceAll('|', '\\|')}\` | ${inText(optionText(option))} |`,
  );
  return ['| option | meaning |', '|---|---|', ...rows].join('\n');
}

/** Text that Markdown would read otherwise. */
function inText(text: string): string {
  return text
    .replaceAll('<', '\\<')
    .replaceAll('|', '\\|')
    .replace(/(?<!`)\*(?!`)/g, '\\*');
}

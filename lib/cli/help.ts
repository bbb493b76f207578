// The help of the program and of each command, made from the tables that the arguments are read by.
import { RUN_STATUSES } from '../../lambda/report/status.ts';
import type { Command, OptionSpec, OptionTable } from './command.ts';

/** Columns of a line where nobody says how many there are, and the most and fewest that are used. */
const WIDTH = 100;
const NARROWEST = 40;

/** The columns of what help is written to: a terminal's own, or what COLUMNS says. */
export function helpWidth({ columns }: Pick<NodeJS.WriteStream, 'columns'>, env: NodeJS.ProcessEnv): number {
  const told = columns || Number(env['COLUMNS']) || WIDTH;
  return Math.max(NARROWEST, Math.min(WIDTH, told));
}

/** The run's own exit codes, for commands that end with them. */
function runExitCodes(width: number): string {
  const rows = Object.entries(RUN_STATUSES).map(([word, { exitCode, meaning }]) =>
    entry(`${String(exitCode).padEnd(3)}  ${word}`, meaning, 32, width),
  );
  return `${wrapped('Exit codes, each with the status in the summary:', width).join('\n')}\n${rows.join('\n')}`;
}

const PLAIN_EXITS = { 0: 'done', 1: 'not done; standard error says why' };

function exitCodes(exits: Readonly<Record<number, string>>, width: number): string {
  const rows = Object.entries({ ...PLAIN_EXITS, ...exits }).map(([code, meaning]) => entry(code, meaning, 7, width));
  return `Exit codes:\n${rows.join('\n')}`;
}

/** The help of the whole program. */
export function programHelp(commands: Readonly<Record<string, string>>, width: number): string {
  const column = Math.max(...Object.keys(commands).map((name) => name.length)) + 4;
  const lines = Object.entries(commands).map(([name, summary]) => entry(name, summary, column, width));
  return [
    ...paragraph(
      'image-fanout: process every image under an S3 prefix or in a directory, and account for each.',
      width,
    ),
    'Usage:\n  image-fanout run SRC DST [options]\n  image-fanout COMMAND --help',
    `Commands:\n${lines.join('\n')}`,
    exitCodes({}, width),
    ...paragraph('Commands that end with a run have its own: image-fanout run --help.', width),
  ].join('\n\n');
}

/** The help of one command, with its examples, in lines of at most so many columns where words allow it. */
export function commandHelp(command: Command, examples: readonly string[], width: number): string {
  return [
    ...paragraph(command.summary, width),
    `Usage:\n${command.usage.map((usage) => `  ${wrapped(`image-fanout ${usage}`, width - 6).join('\n      ')}`).join('\n')}`,
    ...(command.details ?? []).flatMap((text) => paragraph(text, width)),
    `Options:\n${optionLines(command.options, width).join('\n')}`,
    ...(examples.length === 0 ? [] : [`Examples:\n${examples.map((example) => `  ${example}`).join('\n')}`]),
    ...(command.endsLikeRun === true ? [runExitCodes(width)] : []),
    ...(command.exits === undefined ? [] : [exitCodes(command.exits, width)]),
  ].join('\n\n');
}

function paragraph(text: string, width: number): string[] {
  return [wrapped(text.replaceAll('\n', ' '), width).join('\n')];
}

/** What every command knows besides its own options. */
export const HELP_OPTION = { type: 'boolean', help: 'Shows this.' } as const;

function optionLines(options: OptionTable, width: number): string[] {
  const all: OptionTable = { ...options, help: HELP_OPTION };
  return Object.entries(all).map(([name, option]) => entry(optionName(name, option), optionText(option), 34, width));
}

/** `--name VALUE`. */
export function optionName(name: string, { value }: OptionSpec): string {
  return `--${name}${value === undefined ? '' : ` ${value}`}`;
}

/** What an option does, in sentences. */
export function optionText({ help, multiple }: OptionSpec): string {
  return multiple === true ? `${help} Repeatable.` : help;
}

/** A name, and what it means beside it; below it where lines are short. */
function entry(name: string, text: string, column: number, width: number): string {
  const at = width - column < NARROWEST ? Math.min(column, 8) : column;
  const indent = ' '.repeat(at);
  const head = `  ${name}`;
  const lines = wrapped(text, width - at);
  const first = head.length < at ? head.padEnd(at) : `${head}\n${indent}`;
  return first + lines.join(`\n${indent}`);
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

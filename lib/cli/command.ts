// What a command of the program is, how it ends, and the error of a call that is wrong.

/** The exit codes of every command. */
export const EXIT = {
  /** All keys succeeded or were rightly skipped. */
  succeeded: 0,
  /** Nothing was started: wrong arguments, a bad job, no permission. */
  notStarted: 1,
  /** Stopped by failures, or by the deadline. */
  stopped: 2,
  /** Finished, with failures that were tolerated. */
  tolerated: 3,
  /** Interrupted by Ctrl-C (128 + SIGINT). */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** One option: its name is its key in the table. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly multiple?: true;
  /** What stands for the value in the help, for example `N`. */
  readonly value?: string;
  readonly help: string;
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** The values of a table's options. */
export type OptionValues<T extends OptionTable> = {
  readonly [K in keyof T]?: T[K]['type'] extends 'boolean'
    ? boolean
    : T[K] extends { multiple: true }
      ? readonly string[]
      : string;
};

export interface Command<T extends OptionTable = OptionTable> {
  /** One sentence. */
  readonly summary: string;
  /** Ways to call it, without the program's name. */
  readonly usage: readonly string[];
  readonly options: T;
  /** Fewest and most arguments that are no options. */
  readonly arguments: readonly [least: number, most: number];
  /** Further paragraphs of the help. */
  readonly details?: readonly string[];
  /** Whether the exit code is a run's own. Default: no. */
  readonly endsLikeRun?: true;
  /** Further exit codes, where 0 (done) and 1 (not done; standard error says why) are not all. */
  readonly exits?: Readonly<Record<number, string>>;
  run(positionals: readonly string[], options: OptionValues<T>): Promise<ExitCode>;
}

/** Helps the compiler to infer the options' types from their table. */
export function defineCommand<const T extends OptionTable>(command: Command<T>): Command {
  return command as unknown as Command;
}

/** A call that cannot be understood: the message says what was expected and what was given. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

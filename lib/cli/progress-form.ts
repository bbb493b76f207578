// How a run tells what happens while it happens: for people, for programs, or not at all.
import { UsageError } from './command.ts';

/** Text for people, JSON lines for programs, or nothing but failures and messages. */
export const PROGRESS_FORMS = ['text', 'json', 'none'] as const;

export type ProgressForm = (typeof PROGRESS_FORMS)[number];

/** Milliseconds between two lines of progress for programs that asked for them. */
export const JSON_EVERY = 1000;

/** The option. */
export const PROGRESS_OPTION = {
  progress: {
    type: 'string',
    value: 'FORM',
    help: 'How progress is told on standard error: text, json (a line a second, and one for each failure and message) or none. Default: text.',
  },
} as const;

/** Reads the option's value. Throws UsageError. */
export function parseProgress(text: string | undefined): ProgressForm {
  const form = PROGRESS_FORMS.find((one) => one === (text ?? 'text'));
  if (form !== undefined) return form;
  throw new UsageError(`--progress: expected ${PROGRESS_FORMS.join(', ')}, got ${text}`);
}

// Result files and accounts as the tests compare them: everything but names and times.
import type { Location } from '../lambda/contract/location.ts';
import { get, keys } from './stack.ts';

interface RawRecord {
  readonly Status: string;
  readonly Input: string;
  readonly Output?: string;
  readonly Error?: string;
  readonly Cause?: string;
  readonly [field: string]: unknown;
}

/** Fields that differ from run to run: when a child ran, and what it was called. */
const NAMES_AND_TIMES = new Set(['Name', 'ExecutionArn', 'StateMachineArn', 'StartDate', 'StopDate', 'RedriveDate']);

/** All records below a run's folder with Input, Output and the outcomes in Cause parsed, by place in the input. */
export async function records(run: Location): Promise<{ file: string; index: number; record: unknown }[]> {
  const files = (await keys(run)).filter((key) => /\/(SUCCEEDED|FAILED|PENDING)_\d+\.jsonl$/.test(key));
  const found = await Promise.all(
    files.map(async (key) => {
      const file = key.slice(run.prefix.length).replace(/^[0-9a-f-]{36}\//, '');
      const lines = (await get(run.bucket, key)).toString().trimEnd().split('\n');
      return lines.map((line) => {
        const raw = JSON.parse(line) as RawRecord;
        const input = JSON.parse(raw.Input) as { Items: { index: number }[] };
        return { file, index: input.Items[0]?.index ?? -1, record: comparable(raw, run) };
      });
    }),
  );
  return found.flat().sort((a, b) => a.index - b.index || a.file.localeCompare(b.file));
}

function comparable(raw: RawRecord, run: Location): unknown {
  const fields = Object.fromEntries(Object.entries(raw).filter(([name]) => !NAMES_AND_TIMES.has(name)));
  return anonymous(
    {
      ...fields,
      Input: JSON.parse(raw.Input),
      ...(raw.Output === undefined ? {} : { Output: JSON.parse(raw.Output) }),
      ...(raw.Cause === undefined ? {} : { Cause: parsedCause(raw.Cause) }),
    },
    run,
  );
}

/** The error's name, its sentence for a person, and its outcomes; the trace is the function's own. */
function parsedCause(cause: string): unknown {
  const { errorType, errorMessage } = JSON.parse(cause) as { errorType: string; errorMessage: string };
  const [sentence, outcomes] = errorMessage.split('\n');
  return { errorType, sentence, outcomes: JSON.parse(outcomes ?? 'null') as unknown };
}

/** Takes out milliseconds and the run's own folder. */
function anonymous(value: unknown, run: Location): unknown {
  if (typeof value === 'string') return value.replaceAll(run.prefix, '<run>/');
  if (Array.isArray(value)) return value.map((inner) => anonymous(inner, run));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) =>
      // Whole seconds, as recordings of the service have it and the engine; the emulator says more.
      name === 'LastModified'
        ? [[name, Math.floor(Number(inner))]]
        : // When the run started, and its redrives, which the emulator does not know; and what only a deployed function tells.
          name === 'ms' || name === 'started' || name === 'redrives' || name === 'used'
          ? []
          : [[name, anonymous(inner, run)]],
    ),
  );
}

export interface Account {
  readonly summary: { readonly status: string; readonly balanced: boolean; readonly counts: Record<string, number> };
}

/** The account of a run: its summary's lasting facts, and the state of each key. */
export async function account(run: Location): Promise<unknown> {
  const summary = JSON.parse((await get(run.bucket, `${run.prefix}summary.json`)).toString());
  const items = (await get(run.bucket, `${run.prefix}items.jsonl`)).toString().trimEnd().split('\n');
  const { status, error, counts, skipped, errors, bytes, outputs, firstFailure, check } = summary;
  return anonymous(
    {
      summary: {
        status,
        error,
        counts,
        skipped,
        errors,
        bytes,
        outputs,
        firstFailure: { ...firstFailure, at: undefined },
        balanced: check.balanced,
      },
      items: items.map((line) => {
        const { ended: _, ...item } = JSON.parse(line) as Record<string, unknown>;
        return item;
      }),
    },
    run,
  );
}

// Ctrl-C: the first one lets the run drain, the second one aborts it.

export interface Interruptions {
  /** Called at the first SIGINT or SIGTERM. */
  readonly drain: () => void;
  /** Called at the second. */
  readonly abort: () => void;
}

export interface InterruptWatch extends Disposable {
  /** How often it was interrupted. */
  readonly count: number;
}

/** Watches for SIGINT and SIGTERM until it is disposed of. */
export function watchInterrupts({ drain, abort }: Interruptions): InterruptWatch {
  let count = 0;
  const onSignal = () => {
    count += 1;
    if (count === 1) drain();
    else if (count === 2) abort();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    get count() {
      return count;
    },
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}

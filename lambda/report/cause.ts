// The sentence in a cause: Lambda's payload where a function failed, any other text as it is.

/** At least a few words: a Task's timeout, for example, has no cause at all. */
export function messageOf(cause: string | null | undefined): string {
  if (!cause) return 'no reason was given';
  try {
    const { errorMessage } = JSON.parse(cause) as { errorMessage?: unknown };
    return typeof errorMessage === 'string' ? errorMessage : cause;
  } catch {
    return cause;
  }
}

// Text from outside (keys, messages) made safe for a terminal.

// Control characters could move the cursor or recolour the screen; bidirectional overrides could make a name lie.
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** The text with whatever a terminal would obey instead of showing as an escape: `\n`, `\u001b`. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) =>
    character === '\n' ? '\\n' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

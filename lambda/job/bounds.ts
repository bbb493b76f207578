// What Step Functions bounds a Map Run to, as far as jobs speak of it. No zod here: the image Lambda reads it.

/** Step Functions' largest Map Run in items: the neutral value of the count that nobody set. */
export const ALL_ITEMS = 100_000_000;

/** Step Functions runs at most this many children of one Map Run at once. */
export const MOST_CONCURRENCY = 10_000;

// How a handler tells that it left work undone, for a stop or for want of time: the names under which it throws then.

/** Nothing of the child was begun: it goes back to where it was, as if it had never been started. */
export const NOT_STARTED = 'Execution.NotStarted';

/** Some of the child was done and the rest left: the error's message holds the outcomes, as that of a failed child does. */
export const STOPPED = 'Execution.Stopped';

/** Time ran out before all keys of a batch were begun: the message holds what was done, and another call does the rest. */
export const CUT = 'Batch.Cut';

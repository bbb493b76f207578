// The errors with which a guard stops a run, as StopExecution takes one: the run's status is told by them.

/** The deadline has come. */
export const DEADLINE_ERROR = 'Deadline';

/** The last keys failed by one class above a share. */
export const BREAKER_ERROR = 'Breaker';

/** The run has cost what it may. */
export const CAP_ERROR = 'MaxCost';

// The contract for code of one's own, `image-fanout/contract`: jobs, recipes, outcomes, errors and summaries.
export { ERROR_CLASSES, type ErrorName, FanoutError } from '../lambda/contract/errors.ts';
export type {
  Failed,
  Outcome,
  OutputFacts,
  OutputTotals,
  Pending,
  RenditionFacts,
  Skipped,
  SkipReason,
  SourceFacts,
  StageTimes,
  Succeeded,
} from '../lambda/contract/outcome.ts';
export { type Job, type JobInput, jobJsonSchema, parseJob } from '../lambda/job/job.ts';
export { PRESETS, type Recipe, type RecipeInput, recipeJsonSchema, resolveRecipe } from '../lambda/recipe/recipe.ts';
export { RUN_STATUSES, type RunStatus } from '../lambda/report/status.ts';
export { SUMMARY_VERSION, type Summary } from '../lambda/report/summary.ts';

// The types of environment.js, for the benches.

/** Environment variables by name. */
export declare const ENVIRONMENT: { readonly UV_THREADPOOL_SIZE: string; readonly MALLOC_ARENA_MAX: string };

// How long a child execution of the Distributed Map may live: what the workflow's timeouts fit into, and the functions answer within.

/** An EXPRESS execution's longest life, waits included: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
export const CHILD_SECONDS = 300;

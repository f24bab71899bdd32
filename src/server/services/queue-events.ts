/** What has happened to the runs of this process since it started. Only ever rises. */
export interface QueueEvents {
  /** Attempts that it began. */
  readonly claims: number;
  /** Attempts among them that were not the first of their run. */
  readonly retries: number;
  /** Runs that it had to give up because their lease could not be renewed. */
  readonly lease_losses: number;
  /** Runs of others that it put back, or ended, because their lease was over. */
  readonly recoveries: number;
}

/** Counts what happens; one for a process, made where it is put together. */
export interface QueueCounters {
  count(event: keyof QueueEvents, times?: number): void;
  read(): QueueEvents;
}

export function createQueueCounters(): QueueCounters {
  const counts = { claims: 0, retries: 0, lease_losses: 0, recoveries: 0 };
  return {
    count(event, times = 1) {
      counts[event] += times;
    },
    read: () => ({ ...counts }),
  };
}

/** A request that its client may send twice, and that is to take effect once. */
export interface IdempotentRequest {
  /** Chosen by the client. Keys of different callers have nothing to do with each other. */
  readonly key: string;
  /** The same for the same request, and for no other. */
  readonly fingerprint: string;
}

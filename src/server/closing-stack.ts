/** What has to be closed, closed in reverse order. Node 22 has no AsyncDisposableStack yet. */
export interface ClosingStack extends AsyncDisposable {
  use<T extends Disposable | AsyncDisposable>(resource: T): T;
  defer(close: () => unknown): void;
}

/** An error of one part does not keep the others open; the first one is thrown when all are closed. */
export function createClosingStack(): ClosingStack {
  const closers: (() => unknown)[] = [];
  return {
    use(resource) {
      closers.push(() =>
        Symbol.asyncDispose in resource ? resource[Symbol.asyncDispose]() : resource[Symbol.dispose](),
      );
      return resource;
    },
    defer: (close) => void closers.push(close),
    async [Symbol.asyncDispose]() {
      const errors: unknown[] = [];
      for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
        try {
          await close();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw errors[0];
    },
  };
}

/**
 * Makes `work` run once at a time: calls during a run become one more run after it.
 * @param onError told of failures, since nobody awaits the calls
 */
export function singleFlight(work: () => Promise<unknown>, onError: (error: unknown) => void): () => void {
  let running = false;
  let again = false;
  return function start() {
    again = true;
    if (running) return;
    running = true;
    again = false;
    work()
      .catch(onError)
      .finally(() => {
        running = false;
        if (again) start();
      });
  };
}

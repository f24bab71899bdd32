/**
 * The npm that runs the tests, as a command for `spawn`, with the Node that runs them. Started this way, npm
 * needs no shell on any platform.
 */
export function npm(...args: string[]): [command: string, ...args: string[]] {
  const script = process.env["npm_execpath"];
  if (script === undefined) throw new Error("These tests are started with npm: `npm run test:e2e`.");
  return [process.execPath, script, ...args];
}

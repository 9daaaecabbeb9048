/** A reporter of Jest, in the process of the global teardown: that asks it whether a test failed. */
export default class Outcome {
  onRunComplete(_: unknown, { numFailedTests, numFailedTestSuites, wasInterrupted }: Results): void {
    if (numFailedTests + numFailedTestSuites > 0 || wasInterrupted) process.env[FAILED] = 'yes';
  }
}

interface Results {
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly wasInterrupted: boolean;
}

// A variable of the process: Jest loads this module twice, once for each of its users.
const FAILED = 'SEALOG_TEST_FAILED';

export function someTestFailed(): boolean {
  return process.env[FAILED] !== undefined;
}

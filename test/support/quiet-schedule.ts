/**
 * A schedule without a slot for hours, whenever the test runs: pg-boss also sends the slot that has passed within the
 * minute before a schedule is installed, and its activation would come beside the ones that the test asks for.
 */
export function quietSchedule(now: Date = new Date()): string {
  return `0 ${(now.getUTCHours() + 12) % 24} * * *`;
}

// Run as text in the project's folder (see steps.ts): its packages are then those of the program, not of bench/.
// Imports what each step names, one after the other, and prints when it was there and what the process held then.
const told = [];
const tell = (step) => told.push({ step, ms: performance.now(), residentMiB: process.memoryUsage.rss() / 2 ** 20 });
tell('node');
for (const { step, modules } of JSON.parse(process.argv[1])) {
  for (const module of modules) await import(module);
  tell(step);
}
console.log(JSON.stringify(told));

/**
 * The cases that `npm test` asks of an emulated machine, which takes seconds to boot: those in which it differs most from the
 * other backends. `npm run long` asks the rest.
 */
export const CORE = [
  "the guest says hello",
  "what is written to a writable mount",
  "system calls a guest has no use for",
  "kill ends everything inside",
  "the death of the process that made it",
];

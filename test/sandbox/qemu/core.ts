/**
 * The cases that `npm test` asks of an emulated machine, which takes seconds to boot: those in which it differs most from the
 * other backends. `npm run long` asks the rest.
 */
export const CORE = [
  "the guest says hello",
  "what is written to a writable mount",
  "there is no interface but lo",
  "no capability is left to a program",
  "system calls a guest has no use for",
  "what stops it is out of its sight",
  "more memory than it was given",
  "kill ends everything inside",
  "what runs inside cannot stop",
  "the end of the channel",
  "the death of the process that made it",
  "a living one is found by list",
];

import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

/**
 * To be loaded before a program under test (`node --import`): kills it by SIGKILL before its `CRASH_AT`th operation on a file
 * whose path lies below `CRASH_UNDER`, or, with `CRASH_HALF`, after half of what a write was to write. `FAIL` names
 * operations that fail with ENOSPC there. Prints nothing; with `CRASH_AT=-1` it counts, to standard error at the end.
 */
const under = process.env.CRASH_UNDER ?? "/nowhere";
const at = Number(process.env.CRASH_AT);
const isHalf = process.env.CRASH_HALF === "1";
const failing = (process.env.FAIL ?? "").split(",");
const open = new Set();
let operations = 0;

const concerns = (first) => (typeof first === "number" ? open.has(first) : String(first).startsWith(under));
const die = () => process.kill(process.pid, "SIGKILL");

for (const name of [
  "openSync",
  "writeSync",
  "fsyncSync",
  "closeSync",
  "linkSync",
  "renameSync",
  "unlinkSync",
  "rmSync",
  "appendFileSync",
]) {
  const real = fs[name];
  fs[name] = (...args) => {
    if (!concerns(args[0])) return real(...args);
    const isHere = operations++ === at;
    if (isHere && isHalf && name === "writeSync") {
      real(args[0], args[1], args[2], Math.max(1, Math.floor(args[3] / 2)));
      die();
    }
    if (isHere) die();
    if (failing.includes(name === "openSync" ? `open-${args[1]}` : name))
      throw Object.assign(new Error(`ENOSPC: no space left on device, ${name}`), { code: "ENOSPC" });
    const result = real(...args);
    if (name === "openSync") open.add(result);
    if (name === "closeSync") open.delete(args[0]);
    return result;
  };
}
syncBuiltinESMExports();
process.once("exit", () => process.env.CRASH_AT === "-1" && process.stderr.write(String(operations)));

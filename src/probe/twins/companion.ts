/**
 * A program of ours that stands beside the probe: it does one thing, then starts the probe as its child and ends with it.
 * JavaScript for the Node inside, CommonJS, because it is given on a command line.
 */
export function companion(deed: string): string {
  return `
    const { spawn } = require("node:child_process");
    const { createServer } = require("node:net");
    const { openSync } = require("node:fs");
    const [program, ...rest] = process.argv.slice(1);
    const listen = (where) => new Promise((done) => createServer((s) => s.destroy()).listen(where, done));
    const started = (argv) => {
      const child = spawn(program, [...rest.slice(0, -1), ...argv], { stdio: "ignore" });
      child.unref();
      return new Promise((done) => child.once("spawn", () => done(child)));
    };
    (async () => {
      let inherited = [];
      let beside;
      ${deed}
      spawn(program, rest, { stdio: ["inherit", "inherit", "inherit", ...inherited] }).on("close", (code) => {
        beside?.kill("SIGKILL");
        process.exit(code ?? 1);
      });
    })();`;
}

/** The one of the sibling: it is there and does nothing. */
export const IDLE = companion("");

/** What is open in both of them, because the companion is of the probe's own user. */
export const OF_THE_COMPANION = ["foreign-signal:ancestors", "foreign-environ:ancestors"];

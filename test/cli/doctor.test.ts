import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { verb } from "../../src/cli/doctor.ts";
import { runVerb } from "../support/io.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-doctor-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a configuration that is named and not there is said, and no backend is asked in its place", async () => {
  await expect(runVerb(verb, [], { config: "none.yaml" }, directory)).rejects.toMatchObject({
    name: "OperatorError",
    message: expect.stringContaining("none.yaml: no such file"),
  });
});

test("a configuration that lies here is read, and a wrong one is said", async () => {
  writeFileSync(
    join(directory, "weakdoor.yaml"),
    "version: 1\nstack: { name: x, home: ., workspace: . }\ndoker: {}\n",
  );
  await expect(runVerb(verb, [], {}, directory)).rejects.toMatchObject({
    name: "OperatorError",
    message: expect.stringContaining("doker"),
  });
});

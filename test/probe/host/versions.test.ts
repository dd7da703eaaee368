import { expect, test } from "vitest";
import { type Asker, askVersions } from "../../../src/probe/host/versions.ts";

/** A machine whose programs say this, by name, and whose package of runc has this changelog. */
function machine(says: Record<string, string>, changelog?: string): Asker {
  return {
    run: ([program]) => {
      const stdout = says[program];
      if (stdout === undefined)
        return Promise.reject(Object.assign(new Error(`spawn ${program} ENOENT`), { code: "ENOENT" }));
      return Promise.resolve({ code: 0, stdout, stderr: "", isTruncated: false, isTimedOut: false });
    },
    changelog: (path) => Promise.resolve(path.includes("/runc/") ? changelog : undefined),
  };
}

async function rowOf(asker: Asker, id: string) {
  return (await askVersions(asker)).observations.find((row) => row.id === id);
}

const ID = "component-version:runc:CVE-2024-21626";

test("a version in the upstream range is a condition, and never called vulnerable", async () => {
  const row = await rowOf(machine({ runc: "runc version 1.1.5\n" }), ID);
  expect(row).toMatchObject({ verdict: "not-measured" });
  expect(row?.detail).toContain("condition present");
  expect(row?.detail).toContain("not known");
  expect(row?.detail).not.toContain("vulnerable");
});

test("a fix that the distribution took over under the old number is known by its changelog", async () => {
  const row = await rowOf(machine({ runc: "runc version 1.1.5+ds1\n" }, "* Fixes CVE-2024-21626\n"), ID);
  expect(row).toMatchObject({ verdict: "absent" });
  expect(row?.detail).toContain("changelog names the fix");
});

test("a version past the fix is not in the range, and a component that is not here says so", async () => {
  const asker = machine({ runc: "runc version 1.3.0\n" });
  expect(await rowOf(asker, ID)).toMatchObject({ verdict: "absent" });
  expect(await rowOf(asker, "component-version:containerd")).toMatchObject({
    verdict: "absent",
    detail: "not installed",
  });
});

test("a program that says no version was not measured", async () => {
  expect(await rowOf(machine({ runc: "hello" }), "component-version:runc")).toMatchObject({
    verdict: "not-measured",
  });
});

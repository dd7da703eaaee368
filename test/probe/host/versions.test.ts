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

test.each([
  ["crio", "crio version 1.22.1\nVersion:       1.22.1\n", "component-version:cri-o:CVE-2022-0811"],
  ["crio", "crio version 1.24.0\n", undefined],
  [
    "kubectl",
    'Client Version: version.Info{Major:"1", GitVersion:"v1.12.1"}',
    "component-version:kubectl:CVE-2019-1002101",
  ],
  ["kubectl", "Client Version: v1.31.0\n", undefined],
  ["uname", "5.10.100-1-amd64\n", "component-version:kernel:CVE-2022-0847"],
  ["uname", "6.12.9\n", undefined],
])("of %s, what says %j is the condition %s", async (program, said, condition) => {
  const { observations } = await askVersions(machine({ [program]: said }));
  const present = observations.filter(({ detail }) => detail.startsWith("condition present"));
  const ids = present.map(({ id }) => id);
  expect(condition === undefined ? ids.length === 0 : ids.includes(condition), ids.join(", ")).toBe(true);
  expect(observations.filter(({ verdict }) => verdict === "reachable")).toEqual([]);
});

test("a fix in the changelog of the very kernel that runs counts", async () => {
  const asker = {
    ...machine({ uname: "5.10.0-9-amd64\n" }),
    changelog: async (path: string) =>
      path === "/usr/share/doc/linux-image-5.10.0-9-amd64/changelog.Debian.gz"
        ? "- pipes (CVE-2022-0847)"
        : undefined,
  };
  expect(await rowOf(asker, "component-version:kernel:CVE-2022-0847")).toMatchObject({ verdict: "absent" });
  expect(await rowOf(asker, "component-version:kernel:CVE-2022-0492")).toMatchObject({ verdict: "not-measured" });
});

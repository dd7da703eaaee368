import { expect, test } from "vitest";
import { fitDriver } from "../../src/cycle/toolDriver.ts";
import type { Driver, DriverKind, Isolation } from "../../src/sandbox/sandbox.ts";
import { readDeclared } from "../../src/stack/declared.ts";
import { tree } from "../support/tree.ts";

/** Ready, and never started here. */
function ready(kind: DriverKind, isolation: Isolation = "container"): Driver {
  const never = () => Promise.reject(new Error("not in this test"));
  return { kind, isolation, cannot: [], check: never, create: never, list: never, destroy: never, look: never };
}

const BWRAP = ready("bubblewrap");
const RUNC = ready("docker-runc");
const RUNSC = ready("runsc", "gvisor");
const QEMU = ready("qemu", "microvm");
const SRT = ready("srt");

const SOUND = ["workspace/run.sh", "docker run img"] as const;
const WEAK = ["workspace/run.sh", "docker run --privileged img"] as const;
const OF_SRT = ["home/.srt-settings.json", '{"network": {}}'] as const;

async function fit(
  [file, text]: readonly [string, string],
  drivers: readonly Driver[],
  asked = "auto",
  image?: string,
  hasOwnSandbox = false,
) {
  await using place = tree({ [file]: text });
  const declared = await readDeclared(place, file, { home: "/home/dev", workspace: "/home/dev/desk" });
  const target = { driver: asked, nest: false, declaredBy: file };
  return fitDriver({ target, docker: image === undefined ? {} : { image } }, drivers, declared, { hasOwnSandbox });
}

test("on sound ground the room stands where the target does", async () => {
  expect(await fit(SOUND, [RUNC, BWRAP, RUNSC])).toMatchObject({ chosen: { driver: RUNC }, caveat: "" });
});

test("on weak ground an agent's command line runs on a kernel that is not the host's, and that is said", async () => {
  expect(await fit(WEAK, [RUNC, BWRAP, RUNSC])).toMatchObject({
    chosen: { driver: RUNSC },
    caveat: expect.stringContaining("weak ground") as string,
  });
});

test("on weak ground without such a kernel it does not run, with the reason", async () => {
  expect(await fit(WEAK, [RUNC, BWRAP])).toMatchObject({
    status: "refused",
    reason: expect.stringContaining("gVisor") as string,
  });
});

test("where the host could not look in while it runs, another stands in its place, and that is said", async () => {
  expect(await fit(SOUND, [QEMU, BWRAP], "qemu")).toMatchObject({
    chosen: { driver: BWRAP },
    caveat: expect.stringContaining("qemu") as string,
  });
  expect(await fit(OF_SRT, [SRT, BWRAP])).toMatchObject({
    chosen: { driver: BWRAP },
    caveat: expect.stringContaining("srt") as string,
  });
});

test("an agent that makes a sandbox of its own gets a room that lets it, where what is declared lets it too", async () => {
  const room = {
    chosen: { driver: BWRAP },
    isForOwnSandbox: true,
    caveat: expect.stringContaining("of its own") as string,
  };
  const unfiltered = ["workspace/run.sh", "bwrap --unshare-all --bind . . true"] as const;
  expect(await fit(unfiltered, [BWRAP, RUNSC], "auto", undefined, true)).toMatchObject(room);
  expect(await fit(OF_SRT, [SRT, BWRAP], "auto", undefined, true)).toMatchObject(room);
  expect(await fit(unfiltered, [BWRAP, RUNSC])).toMatchObject({ chosen: { driver: RUNSC }, isForOwnSandbox: false });
  // The engine's filter keeps it from that in the real one, and here.
  expect(await fit(SOUND, [RUNC, BWRAP], "auto", undefined, true)).toMatchObject({
    chosen: { driver: RUNC },
    isForOwnSandbox: false,
  });
  expect(await fit(unfiltered, [RUNC, RUNSC], "auto", undefined, true)).toMatchObject({ chosen: { driver: RUNSC } });
});

test("an engine's own image is never covered by the libraries of a command line", async () => {
  expect(await fit(SOUND, [RUNC, BWRAP], "auto", "theirs:1")).toMatchObject({ chosen: { driver: BWRAP } });
  expect(await fit(SOUND, [RUNC], "auto", "theirs:1")).toMatchObject({ status: "refused" });
});

import { Sandbox } from "@e2b/code-interpreter";
import { CommandExitError, SandboxNotFoundError } from "e2b";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeE2b, startFakeE2b } from "../../support/e2b/fakeE2b.ts";

/** The fake is only as good as the real client finds it. */
let fake: FakeE2b;
beforeAll(async () => {
  fake = await startFakeE2b();
});
afterAll(() => fake.stop());

const to = () => ({ apiKey: fake.apiKey, apiUrl: fake.url, sandboxUrl: fake.url, debug: false });

test("E2B's own client makes a machine, runs in it, moves files, keeps it alive, finds it and kills it", async () => {
  const sandbox = await Sandbox.create("base", { ...to(), metadata: { a: "b c" }, timeoutMs: 30_000 });
  expect(await sandbox.isRunning()).toBe(true);
  expect(await sandbox.commands.run("echo out; echo err >&2")).toMatchObject({
    exitCode: 0,
    stdout: "out\n",
    stderr: "err\n",
  });
  await expect(sandbox.commands.run("exit 3")).rejects.toThrow(CommandExitError);

  const reader = await sandbox.commands.run("cat", { background: true, stdin: true });
  await sandbox.commands.sendStdin(reader.pid, "said");
  await sandbox.commands.closeStdin(reader.pid);
  expect((await reader.wait()).stdout).toBe("said");
  const sleeper = await sandbox.commands.run("sleep 300", { background: true });
  expect(await sleeper.kill()).toBe(true);

  await sandbox.files.write("/tmp/deep/file", "text");
  expect(await sandbox.files.read("/tmp/deep/file")).toBe("text");
  const bytes = new Uint8Array([0xff, 0xfe, 0x80, 0]);
  await sandbox.files.write("/tmp/bytes", bytes.buffer);
  expect(await sandbox.files.read("/tmp/bytes", { format: "bytes" })).toEqual(bytes);
  expect(await sandbox.files.exists("/tmp/bytes")).toBe(true);
  expect(await sandbox.files.exists("/tmp/none")).toBe(false);

  await sandbox.setTimeout(60_000);
  const { endAt, metadata } = await sandbox.getInfo();
  expect(endAt.getTime()).toBeGreaterThan(Date.now() + 50_000);
  expect(metadata).toEqual({ a: "b c" });
  const mine = await Sandbox.list({ ...to(), query: { metadata: { a: "b c" } } }).nextItems();
  expect(mine.map((one) => one.sandboxId)).toEqual([sandbox.sandboxId]);
  expect(await Sandbox.list({ ...to(), query: { metadata: { a: "other" } } }).nextItems()).toEqual([]);

  expect(await sandbox.kill()).toBe(true);
  expect(await sandbox.kill()).toBe(false);
  expect(await sandbox.isRunning()).toBe(false);
  await expect(Sandbox.getInfo(sandbox.sandboxId, to())).rejects.toThrow(SandboxNotFoundError);
  await expect.poll(() => fake.living().length).toBe(0);
});

test("a machine that is not renewed is ended by its own clock, and a paused one stays in the list", async () => {
  const short = await Sandbox.create("base", { ...to(), timeoutMs: 1_000 });
  const paused = await Sandbox.create("base", { ...to(), timeoutMs: 30_000 });
  await paused.pause();
  await expect.poll(() => fake.living().map(({ id }) => id), { timeout: 10_000 }).toEqual([paused.sandboxId]);
  expect(await short.isRunning()).toBe(false);
  const [found] = await Sandbox.list({ ...to(), query: { state: ["paused"] } }).nextItems();
  expect(found).toMatchObject({ sandboxId: paused.sandboxId, state: "paused" });
  await paused.kill();
});

test("the list comes in pages", async () => {
  const made = await Promise.all(
    Array.from({ length: 5 }, () => Sandbox.create("base", { ...to(), timeoutMs: 60_000 })),
  );
  const pages = Sandbox.list(to());
  const seen: string[] = [];
  let turned = 0;
  for (; pages.hasNext; turned++) seen.push(...(await pages.nextItems()).map((one) => one.sandboxId));
  expect(turned).toBe(2);
  expect(seen.toSorted()).toEqual(made.map((one) => one.sandboxId).toSorted());
  await Promise.all(made.map((one) => one.kill()));
});

test("inside there is no network but loopback", async () => {
  const sandbox = await Sandbox.create("base", { ...to(), timeoutMs: 60_000 });
  const { stdout } = await sandbox.commands.run(
    "ls /sys/class/net 2>/dev/null; tail -n +3 /proc/net/dev | cut -d: -f1; cat /proc/net/route | tail -n +2",
  );
  expect(stdout.trim()).toBe("lo");
  await sandbox.kill();
});

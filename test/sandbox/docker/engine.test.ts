import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OperatorError } from "../../../src/base/errors.ts";
import { dockerDriver } from "../../../src/sandbox/docker/docker.ts";
import { askEngine, factsFrom } from "../../../src/sandbox/docker/engine.ts";
import { STRICT_PROFILE_PATH } from "../../../src/sandbox/seccomp.ts";
import { fakeSpec } from "../../support/fakeDriver.ts";

const never = new AbortController().signal;
let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "wd-eng-"));
  chmodSync(home, 0o755);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** As Docker 20.10.24 without root answers on a machine with control groups of version 1, cut to what is read. */
const ROOTLESS = {
  ServerVersion: "20.10.24+dfsg1",
  MemoryLimit: false,
  SwapLimit: false,
  CpuCfsQuota: false,
  PidsLimit: false,
  CgroupDriver: "none",
  CgroupVersion: "1",
  Runtimes: {
    "io.containerd.runc.v2": { path: "runc" },
    "io.containerd.runtime.v1.linux": { path: "runc" },
    runc: { path: "runc" },
    runsc: { path: "/usr/bin/runsc", runtimeArgs: ["--ignore-cgroups"] },
  },
  SecurityOptions: ["name=seccomp,profile=default", "name=rootless"],
};

describe("what an engine says of itself", () => {
  test("one without root and control groups is known by its word, and cannot limit anything, with the reason", () => {
    const facts = factsFrom(ROOTLESS);
    expect(facts.isRootless).toBe(true);
    expect(facts.runtimes.map(({ name }) => name)).toEqual(["runc", "runsc"]);
    expect(facts.cannot.map(({ what }) => what)).toEqual(["limit memory", "limit cpus", "limit pids"]);
    expect(facts.cannot[0]?.why).toContain("CgroupDriver none, cgroup version 1");
  });

  test("one without root that has its control groups limits all", () => {
    const limits = {
      MemoryLimit: true,
      CpuCfsQuota: true,
      PidsLimit: true,
      CgroupDriver: "systemd",
      CgroupVersion: "2",
    };
    expect(factsFrom({ ...ROOTLESS, ...limits })).toMatchObject({ isRootless: true, cannot: [] });
  });

  test("a newer one registers shims by type or tells nothing of them, and both are read", () => {
    const Runtimes = {
      runc: { path: "runc", status: { "org.opencontainers.runtime-spec.features": "{}" } },
      kata: {},
      gv: { runtimeType: "io.containerd.runsc.v1", options: { ConfigPath: "/x" }, runtimeArgs: null },
    };
    const facts = factsFrom({ ServerVersion: "28.5.1", Runtimes, SecurityOptions: null });
    expect(facts).toMatchObject({ isRootless: false, cannot: [] });
    expect(facts.runtimes).toEqual([
      { name: "runc", path: "runc" },
      { name: "kata" },
      { name: "gv", type: "io.containerd.runsc.v1" },
    ]);
  });

  test("an entry whose name is no driver's is left out", () => {
    const Runtimes = { "a b": { path: "runc" }, "../x": { path: "runc" }, ok: { path: "runc" } };
    expect(factsFrom({ ServerVersion: "1", Runtimes }).runtimes.map(({ name }) => name)).toEqual(["ok"]);
  });
});

describe("a socket that is no engine's is one line and a hint", () => {
  test("there is none", async () => {
    expect(await askEngine(join(home, "none.sock"), never)).toMatchObject({
      status: "missing",
      hint: expect.stringContaining("start the engine") as string,
    });
  });

  test("it is a regular file", async () => {
    const path = join(home, "file.sock");
    writeFileSync(path, "");
    const answer = await askEngine(path, never);
    expect(answer).toMatchObject({ status: "missing", reason: expect.stringContaining(path) as string });
  });

  test("it is another machine's", async () => {
    const answer = await askEngine("tcp://someone@192.0.2.1:2375", never);
    expect(answer).toMatchObject({ status: "missing", hint: expect.stringContaining("DOCKER_HOST") as string });
    expect(JSON.stringify(answer)).not.toContain("someone");
  });

  test("only others may use it", async () => {
    await listening("private.sock", createServer(), async (path) => {
      chmodSync(path, 0o600);
      const module = resolve(import.meta.dirname, "../../../src/sandbox/docker/engine.ts");
      const script = `import { askEngine } from ${JSON.stringify(module)};
        console.log(JSON.stringify(await askEngine(${JSON.stringify(path)}, new AbortController().signal)));`;
      const argv = ["--input-type=module", "-e", script];
      const child = spawn(process.execPath, argv, { uid: 65_534, gid: 65_534, stdio: ["ignore", "pipe", "inherit"] });
      expect(JSON.parse(await text(child.stdout))).toMatchObject({
        status: "missing",
        hint: "run as a user who may use the engine",
      });
    });
  });

  test.each([
    ["hangs up at once", (socket: Socket) => void socket.destroy()],
    ["speaks no HTTP", (socket: Socket) => void socket.end("SSH-2.0-OpenSSH_9.2\r\n")],
    ["answers with a page", (socket: Socket) => void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n<hr>")],
    [
      "answers in another shape",
      (socket: Socket) => void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
    ],
    ["answers with an error", (socket: Socket) => void socket.end("HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n")],
  ])("what listens %s", async (_what, speak) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => speak(socket));
    });
    await listening("odd.sock", server, async (path) => {
      const answer = await askEngine(path, never);
      expect(answer).toMatchObject({ status: "missing" });
      expect(JSON.stringify(answer)).not.toContain("\\n");
    });
  });
});

/** Answers each step of a start with what the case says, and removals as an engine that never had it. */
function garbler(answers: { create?: object; inspect?: object }) {
  return createHttpServer((request, response) => {
    const path = request.url?.replace(/^\/v[\d.]+/, "") ?? "";
    const json = (status: number, body: object) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    request.resume();
    if (request.method === "DELETE") return json(404, { message: "No such container" });
    if (path.startsWith("/images/json")) return json(200, [{ Id: "x" }]);
    if (path.startsWith("/containers/create")) return json(201, answers.create ?? { Id: "a".repeat(64) });
    if (path.includes("/start")) return json(204, {});
    if (path.endsWith("/json")) return json(200, answers.inspect ?? {});
    return json(500, { message: "what?" });
  }).on("upgrade", (_request, socket) => {
    socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
  });
}

describe("an engine that answers nonsense in the midst of a start is refused in one line", () => {
  test.each([
    ["a create without an id", { create: { Id: 7 } }, "without a container's id"],
    ["a create with a path for an id", { create: { Id: "../../etc" } }, "without a container's id"],
    ["a container of no known form", { inspect: { State: "running" } }, "of no known form"],
  ])("%s", async (_what, answers, said) => {
    await listening("nonsense.sock", garbler(answers), async (socket) => {
      const runDirectory = mkdtempSync(join(home, "run-"));
      const options = { runtime: "runc", socket, runDirectory, seccompPath: STRICT_PROFILE_PATH, image: "own:1" };
      const refused = dockerDriver(options).create(fakeSpec("nonsense"), never);
      await expect(refused).rejects.toThrow(OperatorError);
      await expect(refused).rejects.toThrow(said);
    });
  });

  test("a process that is none of it, which lives on", async () => {
    const bystander = spawn("sleep", ["60"], { stdio: "ignore" });
    await once(bystander, "spawn");
    const inspect = { State: { Pid: bystander.pid } };
    await listening("bystander.sock", garbler({ inspect }), async (socket) => {
      const runDirectory = mkdtempSync(join(home, "run-"));
      const options = { runtime: "runc", socket, runDirectory, seccompPath: STRICT_PROFILE_PATH, image: "own:1" };
      await expect(dockerDriver(options).create(fakeSpec("nonsense"), never)).rejects.toThrow("bears no mark of it");
    });
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    bystander.kill("SIGKILL");
  });
});

async function listening(name: string, server: Server, use: (path: string) => Promise<void>): Promise<void> {
  const path = join(home, name);
  server.listen(path);
  await once(server, "listening");
  try {
    await use(path);
  } finally {
    server.close();
    if ("closeAllConnections" in server) (server as ReturnType<typeof createHttpServer>).closeAllConnections();
  }
}

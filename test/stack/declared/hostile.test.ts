import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OperatorError } from "../../../src/base/errors.ts";
import { readDeclared } from "../../../src/stack/declared.ts";
import { tree } from "../../support/tree.ts";

/** Files that somebody wrote to break the reader: a person is told in one line, and nothing hangs or falls over. */

const original = { home: "/home/dev", workspace: "/home/dev/code/desk" };

/** `answered`, or the one line: anything else is a bug, and thrown on. */
async function answerOf(file: string, content: unknown): Promise<string> {
  try {
    await read(file, content);
    return "answered";
  } catch (thrown) {
    if (!(thrown instanceof OperatorError)) throw thrown;
    return thrown.message;
  }
}

async function read(file: string, content: unknown, by = file) {
  await using place = tree({ [file]: content });
  return await readDeclared(place, by, original);
}

const BOMB = `services: &a {x: {}}\n${"bcdefghij"
  .split("")
  .map((name, i, all) => `x-${name}: &${name} [${`*${i === 0 ? "a" : all[i - 1]},`.repeat(9)}*a]`)
  .join("\n")}\n`;

describe("compose", () => {
  test.each([
    ["aliases that unfold for ever", BOMB],
    ["a nest too deep", `services: {x: ${"[".repeat(20_000)}`],
    ["no YAML", "services:\n  x:\n - y: ["],
    ["a list", "- services"],
    ["services that are none", "services: 1"],
    ["nothing", ""],
    ["more than a megabyte", `services: {x: {}}\n# ${"x".repeat(1024 * 1024)}`],
    ["more values than a person writes", `services: {x: {cap_add: [${"a,".repeat(30_000)}a]}}`],
    ["a service that extends itself", "services: {x: {extends: x}}"],
    ["services that extend each other", "services: {x: {extends: y}, y: {extends: {service: x}}}"],
    ["a parent outside of the workspace", "services: {x: {extends: {service: y, file: ../../y.yaml}}}"],
    ["a parent by an absolute path", "services: {x: {extends: {service: y, file: /etc/y.yaml}}}"],
    ["a service that is a text", "services: {x: text}"],
  ])("%s", async (_name, text) => {
    const thrown = await read("workspace/compose.yaml", text, "workspace/compose.yaml#x").catch((e: unknown) => e);
    expect(thrown).toBeInstanceOf(OperatorError);
    expect((thrown as OperatorError).message).not.toContain("\n");
    expect((thrown as OperatorError).message.length).toBeLessThan(500);
  });

  test("a name that every object has is a name like any other", async () => {
    const text =
      "services: {x: {constructor: 1, toString: 2, environment: {__proto__: a, hasOwnProperty: b}, secrets: [__proto__]}}";
    const found = await read("workspace/compose.yaml", text);
    expect(found.env).toHaveProperty("hasOwnProperty", "b");
    expect(found.unrepeatable.map(({ what }) => what)).toEqual(expect.arrayContaining(["constructor", "toString"]));
  });

  test("substitutions without an end are not known, and no more", async () => {
    const text = `services: {x: {environment: {A: '${"${A:-".repeat(2_000)}', B: '$', C: '\${}', D: '\${1}'}}}`;
    expect((await read("workspace/compose.yaml", text)).env).toEqual({});
  });
});

describe("command lines", () => {
  test.each([
    ["a line without an end", `docker run ${"-v /a:/b ".repeat(20_000)}`],
    ["a substitution that is none", "docker run ${} img"],
    ["a substitution without an end", "docker run ${A img"],
  ])("%s", async (_name, text) => {
    await expect(read("workspace/run.sh", text)).rejects.toThrow(OperatorError);
  });

  test.each([
    ["quotes that never end", `docker run "${"'\n".repeat(100_000)}`],
    ["many that begin", "docker run '\n".repeat(40_000)],
    ["commands in commands", `docker run ${"$(".repeat(10_000)}`],
    ["only continued lines", `docker run \\\n${"\\\n".repeat(100_000)}img`],
  ])("%s end soon, in an answer or in one line", async (_name, text) => {
    const started = performance.now();
    expect(await answerOf("workspace/run.sh", text)).not.toContain("\n");
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test("bytes that are no text hold no command", async () => {
    await expect(read("workspace/run.bin", "\0\x01docker run --privileged x\0")).rejects.toThrow(/no docker run/);
  });
});

test("nothing is run and nothing is written: a command in a command line is a text", async () => {
  await using place = tree({ "workspace/run.sh": "docker run -v $(touch $PWD/ran):/x `touch ran` img\n" });
  await readDeclared(place, "workspace/run.sh", place);
  await expect(readDeclared(place, "workspace/ran", place)).rejects.toThrow(/is not there/);
});

/** Any value in any place: an answer, or one line, and never a bug. */
const ANY = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant(null)), { maxLength: 3 }),
  fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer()), { maxKeys: 3 }),
);
const COMPOSE_KEYS =
  "image build privileged cap_add cap_drop security_opt user environment env_file volumes devices tmpfs network_mode networks pid ipc uts userns_mode cgroup working_dir group_add mem_limit cpus pids_limit deploy secrets configs read_only runtime gpus use_api_socket extends ports command labels x-own somethingNew".split(
    " ",
  );
const DEVCONTAINER_KEYS =
  "name image build mounts runArgs capAdd capDrop securityOpt privileged remoteUser containerUser containerEnv remoteEnv workspaceMount workspaceFolder forwardPorts features init somethingNew".split(
    " ",
  );
const SRT_KEYS = "network filesystem credentials ripgrep somethingNew".split(" ");

const tableOf = (keys: readonly string[]) =>
  fc.uniqueArray(fc.tuple(fc.constantFrom(...keys), ANY), { selector: ([key]) => key, maxLength: 8 });

test.each([
  ["compose", COMPOSE_KEYS, "workspace/compose.yaml", (table: object) => ({ services: { agent: table } })],
  ["devcontainer", DEVCONTAINER_KEYS, "workspace/.devcontainer.json", (table: object) => table],
  ["srt", SRT_KEYS, "workspace/srt.json", (table: object) => ({ network: {}, ...table })],
] as const)("values of any type in %s are an answer or one line", async (_form, keys, file, wrap) => {
  await fc.assert(
    fc.asyncProperty(tableOf(keys), async (pairs) => {
      expect(await answerOf(file, JSON.stringify(wrap(Object.fromEntries(pairs))))).not.toContain("\n");
    }),
    { numRuns: 60 },
  );
});

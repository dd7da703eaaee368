import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, asyncProperty, oneof, string } from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OperatorError } from "../../src/base/errors.ts";
import { loadConfig } from "../../src/config/config.ts";

let directory: string;
const STACK = "version: 1\nstack:\n  name: demo\n  home: home\n  workspace: workspace\n";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-config-"));
  mkdirSync(join(directory, "home"));
  mkdirSync(join(directory, "workspace"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function write(text: string | Uint8Array): string {
  const path = join(directory, "weakdoor.yaml");
  writeFileSync(path, text);
  return path;
}

async function refusal(text: string | Uint8Array): Promise<{ message: string; hint: string }> {
  const error = await loadConfig(write(text)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(OperatorError);
  const { message, hint } = error as OperatorError;
  expect(message).not.toContain("\n");
  expect(hint).not.toContain("\n");
  return { message, hint };
}

test("the shortest file gets every default, and absolute paths", async () => {
  const config = await loadConfig(write(STACK));
  expect(config).toMatchObject({
    directory,
    stack: { home: join(directory, "home"), workspace: join(directory, "workspace"), include: [] },
    target: { driver: "auto", declaredBy: "auto" },
    lab: { minimum: "gvisor", allowWeakIsolation: false },
    research: { mode: "scripted", tokensMax: 300_000 },
    intended: join(directory, "intended.yaml"),
    findings: { threshold: "high" },
    schedule: { timeZone: "UTC", catchUp: "one" },
    docker: {},
    clamav: {},
    qemu: {},
    watch: { onHit: "latch" },
  });
  expect(config.stack.agents).toContain("codex");
  expect(config.sha256).toMatch(/^[0-9a-f]{64}$/);
});

describe("a money budget", () => {
  const MODEL = "mode: anthropic, model: m-1";
  const PRICES = "prices: { m-1: { inputPerMTok: 3, outputPerMTok: 15, cachedInputPerMTok: 0.3 } }";

  test("is taken with the price of the model that is configured", async () => {
    const { research } = await loadConfig(
      write(`${STACK}research: { ${MODEL}, moneyMax: 2.5, currency: EUR, ${PRICES} }\n`),
    );
    expect(research).toMatchObject({ moneyMax: 2.5, currency: "EUR", prices: { "m-1": { outputPerMTok: 15 } } });
  });

  test.each([
    [`{ ${MODEL}, moneyMax: 2 }`, /research\.moneyMax.*without the price of m-1/],
    [`{ mode: openai, model: m-2, moneyMax: 2, ${PRICES} }`, /research\.moneyMax.*without the price of m-2/],
    [`{ ${MODEL}, moneyMax: 2, ${PRICES}, hostedTools: [web_search_20250305] }`, /research\.moneyMax.*hostedTools/],
    [`{ ${MODEL}, moneyMax: 0, ${PRICES} }`, /research\.moneyMax/],
    [`{ ${MODEL}, moneyMax: 2, currency: dollars, ${PRICES} }`, /research\.currency.*three capitals/],
    [`{ ${MODEL}, prices: { m-1: { inputPerMTok: -3, outputPerMTok: 15 } } }`, /inputPerMTok/],
    [`{ ${MODEL}, hostedTools: ["Web Search"] }`, /research\.hostedTools.*by its type/],
  ])("that cannot be held stops the start: research: %s", async (research, told) => {
    const { message, hint } = await refusal(`${STACK}research: ${research}\n`);
    expect(`${message}, ${hint}`).toMatch(told);
  });
});

test("one changed byte of the file changes its hash", async () => {
  const before = await loadConfig(write(STACK));
  const after = await loadConfig(write(`${STACK}# a comment\n`));
  expect(after.sha256).not.toBe(before.sha256);
});

test("every key that is documented is taken", async () => {
  mkdirSync(join(directory, "workspace/.devcontainer"));
  writeFileSync(join(directory, "workspace/.devcontainer/devcontainer.json"), "{}");
  mkdirSync(join(directory, "team"));
  writeFileSync(join(directory, "team/intended.yaml"), "version: 1\n");
  const config = await loadConfig(
    write(`${STACK}  agents: [claude-code, codex]
  include: ["home/.config/tool/*.json"]
target: { driver: docker-runc, declaredBy: workspace/.devcontainer/devcontainer.json }
lab: { minimum: container, allowWeakIsolation: true }
research: { mode: anthropic, model: some-model, keyEnv: MODEL_KEY, baseUrl: "http://127.0.0.1:9", tokensMax: 9000 }
intended: team/intended.yaml
findings: { threshold: medium }
schedule: { cron: "0 4 * * 1-5", timeZone: Europe/Berlin, catchUp: none }
docker: { socket: /run/docker.sock }
clamav: { socket: run/clamd.ctl }
qemu: { kernel: guest/kernel }
limits: { memoryMiB: 1024, cpus: 1.5, pids: 200, fileMiBMax: 4 }
`),
  );
  expect(config.target.declaredBy).toBe(join(directory, "workspace/.devcontainer/devcontainer.json"));
  expect(config.limits).toEqual({ memoryMiB: 1024, cpus: 1.5, pids: 200, fileMiBMax: 4 });
  expect(config.clamav).toEqual({ socket: join(directory, "run/clamd.ctl") });
  expect(config.qemu).toEqual({ kernel: join(directory, "guest/kernel") });
});

describe("a mistake is named with its line, its value and the remedy", () => {
  const cases: [string, string, RegExp, RegExp][] = [
    ["a misspelt key", `${STACK}targett: {}\n`, /^weakdoor\.yaml:6: targett: unknown key$/, /did you mean target\?/],
    [
      "a misspelt key deeper down",
      `${STACK}lab:\n  minimun: gvisor\n`,
      /^weakdoor\.yaml:7: lab\.minimun: unknown key$/,
      /did you mean minimum\?/,
    ],
    ["a key like no other", `${STACK}xyzzy: 1\n`, /xyzzy: unknown key/, /the keys here are version, stack/],
    [
      "an intended file that is named and not there",
      `${STACK}intended: nowhere.yaml\n`,
      /weakdoor\.yaml:6: intended: nowhere\.yaml .*does not exist/,
      /correct the path/,
    ],
    [
      "a wrong type",
      `${STACK}limits:\n  pids: many\n`,
      /^weakdoor\.yaml:7: limits\.pids: "many" is not valid$/,
      /number/,
    ],
    ["a number out of range", `${STACK}limits: { pids: 3 }\n`, /limits\.pids: 3 is not valid/, /^at least 16$/],
    [
      "a misspelt choice",
      `${STACK}lab: { minimum: gviser }\n`,
      /^weakdoor\.yaml:6: lab\.minimum: "gviser" is not valid$/,
      /did you mean gvisor\?/,
    ],
    [
      "a missing key",
      "version: 1\nstack:\n  name: a\n  home: home\n",
      /^weakdoor\.yaml:\d: stack\.workspace: missing$/,
      /add stack\.workspace/,
    ],
    ["another version", STACK.replace("1", "2"), /weakdoor\.yaml:1: version: 2 is not valid/, /^it is 1$/],
    [
      "no cron",
      `${STACK}schedule: { cron: "0 6 * *" }\n`,
      /schedule\.cron: "0 6 \* \*" is not valid/,
      /five cron fields/,
    ],
    ["seconds in cron", `${STACK}schedule: { cron: "0 0 6 * * 1" }\n`, /schedule\.cron/, /five cron fields/],
    ["no time zone", `${STACK}schedule: { timeZone: Mars/Base }\n`, /"Mars\/Base" is not valid/, /Europe\/Berlin/],
    [
      "a model mode without a model",
      `${STACK}research: { mode: openai }\n`,
      /research\.model: missing/,
      /needs a model/,
    ],
    ["a glob that climbs out", `${STACK}  include: ["home/../etc/*"]\n`, /stack\.include\.0/, /no \.\./],
    ["an agent named twice", `${STACK}  agents: [codex, codex]\n`, /stack\.agents/, /named twice/],
    ["a list where keys belong", `${STACK}target: []\n`, /target: \[\] is not valid/, /group of keys/],
    ["an empty file", "", /the file: null is not valid/, /group of keys/],
    ["a syntax error", `${STACK}lab: { minimum: [\n`, /weakdoor\.yaml:\d+: /, /correct the YAML/],
    ["a duplicate key", `${STACK}version: 1\n`, /weakdoor\.yaml:6: .*unique/, /correct the YAML/],
    ["two documents", `${STACK}---\nversion: 1\n`, /weakdoor\.yaml:\d+: .*multiple documents/, /correct/],
    ["an unknown tag", `${STACK}findings: !!js/function "x"\n`, /weakdoor\.yaml:6: .*tag/, /correct/],
    ["an alias", "a: &a [x]\nb: *a\n", /aliases/, /write the value out/],
    ["deep nesting", `a: ${"[".repeat(5_000)}`, /nested deeper/, /flatten/],
    ["deep nesting without brackets", `${"- ".repeat(5_000)}a`, /nested deeper/, /flatten/],
  ];
  test.each(cases)("%s", async (_name, text, message, hint) => {
    const said = await refusal(text);
    expect(said.message).toMatch(message);
    expect(said.hint).toMatch(hint);
  });
});

test("of several mistakes the first line is named, and the rest counted", async () => {
  const { message } = await refusal(`${STACK}lab: { minimun: x }\nlimits: { pids: 1 }\n`);
  expect(message).toMatch(/:6: lab\.minimun.*\(and 1 more\)/);
});

test("a key pasted where its variable's name belongs is not repeated", async () => {
  const pasted = ["sk", "ant", "madeUpForThisTest0123456789"].join("-");
  const { message, hint } = await refusal(`${STACK}research: { keyEnv: "${pasted}" }\n`);
  expect(`${message} ${hint}`).not.toContain("madeUp");
  expect(hint).toMatch(/NAME of an environment variable/);
});

test("a base URL with a password is refused and not repeated", async () => {
  const { message } = await refusal(`${STACK}research: { baseUrl: "https://u:hunter2@api.example/v1" }\n`);
  expect(message).not.toContain("hunter2");
});

test("a file that unfolds by aliases is refused at once", async () => {
  const levels = Array.from({ length: 25 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i}, `.repeat(9)}*l${i}]`);
  const started = performance.now();
  const { message } = await refusal(`l0: &l0 [x]\n${levels.join("\n")}\n`);
  expect(message).toMatch(/aliases/);
  expect(performance.now() - started).toBeLessThan(1_000);
});

test("a path that is not there is named as written and as understood", async () => {
  const { message, hint } = await refusal(STACK.replace("home: home", "home: homme"));
  expect(message).toContain(`weakdoor.yaml:4: stack.home: homme (${join(directory, "homme")}) does not exist`);
  expect(hint).toContain(directory);
});

test("a tilde is not taken for a home", async () => {
  const { hint } = await refusal(STACK.replace("home: home", "home: ~/x"));
  expect(hint).toMatch(/~ is not expanded/);
});

test("a file where a directory belongs is refused", async () => {
  writeFileSync(join(directory, "afile"), "");
  const { message } = await refusal(STACK.replace("home: home", "home: afile"));
  expect(message).toMatch(/is no directory/);
});

test("a link to a directory is a directory", async () => {
  symlinkSync(join(directory, "home"), join(directory, "link"));
  const config = await loadConfig(write(STACK.replace("home: home", "home: link")));
  expect(config.stack.home).toBe(join(directory, "link"));
});

test("a file that is too large, no text, no file, or not there is one line and a hint", async () => {
  const path = write("");
  truncateSync(path, 2 * 1024 ** 3);
  await expect(loadConfig(path)).rejects.toThrow(/larger than 1 MiB/);
  await expect(loadConfig(write(Uint8Array.of(0xff, 0xfe, 0x00)))).rejects.toThrow(/not UTF-8/);
  await expect(loadConfig(directory)).rejects.toThrow(/not a file/);
  await expect(loadConfig(join(directory, "none.yaml"))).rejects.toThrow(/no such file/);
});

test("whatever the bytes are, the answer is a config or one line for the operator", async () => {
  const bytes = oneof(
    string({ unit: "binary" }),
    string().map((tail) => STACK + tail),
  );
  await assert(
    asyncProperty(bytes, async (text) => {
      const end = await loadConfig(write(text)).then(
        () => "a config",
        (thrown: unknown) =>
          thrown instanceof OperatorError && !thrown.message.includes("\n") ? "one line" : thrown,
      );
      expect(["a config", "one line"]).toContain(end);
    }),
    { numRuns: 300 },
  );
});

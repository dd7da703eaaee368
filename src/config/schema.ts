import { validate as isCron } from "node-cron";
import { z } from "zod";
import { ModelPrice } from "./price.ts";

/** The shape of `weakdoor.yaml`: strict, every key but `version` and `stack` optional with the default given here. */

export const AGENT_KINDS = ["claude-code", "codex", "gemini-cli", "cursor", "vscode"] as const;
/** `docker-<runtime>` by the name under which the engine has registered it. */
const TARGET_DRIVER = /^(?:auto|bubblewrap|srt|runsc|qemu|e2b|docker-[A-Za-z0-9][A-Za-z0-9._-]{0,62})$/;
const TARGET_DRIVER_RULE = "a driver is auto, bubblewrap, srt, runsc, qemu, e2b or docker-<runtime>";
const LAB_MINIMUMS = ["container", "gvisor", "microvm"] as const;
const RESEARCH_MODES = ["scripted", "anthropic", "openai"] as const;
const THRESHOLDS = ["low", "medium", "high", "critical"] as const;

const KEY_ENV_RULE = "keyEnv is the NAME of an environment variable, in capitals, never a key";
const URL_RULE = "a URL is https, or http to this machine, without user or password";
const BASE_URL_RULE = "baseUrl is https, or http to this machine, without user or password";

const HOSTED_TOOL_RULE = "a hosted tool is named by its type, as in web_search_20250305";

const Path = z.string().min(1, "an empty path").max(4_096);

const Stack = z.strictObject({
  /** Logical name in reports and fingerprints; never a host name. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "a name is 1 to 63 letters, digits, dots, dashes or underscores"),
  home: Path,
  workspace: Path,
  /** Whose files are read and copied. */
  agents: z
    .array(z.enum(AGENT_KINDS))
    .min(1, "name at least one agent")
    .refine((kinds) => new Set(kinds).size === kinds.length, "an agent is named twice")
    .default([...AGENT_KINDS]),
  /** Globs below home or workspace that are copied besides the agents' own files. */
  include: z
    .array(
      z
        .string()
        .max(500)
        .regex(/^(home|workspace)\/(?!(.*\/)?\.\.(\/|$)).+$/, "a glob begins with home/ or workspace/ and has no .."),
    )
    .max(200)
    .default([]),
});

const Target = z.strictObject({
  driver: z.string().regex(TARGET_DRIVER, TARGET_DRIVER_RULE).default("auto"),
  /**
   * `auto` looks for a declaration in the workspace; `none` means that the agent runs unconfined; else a file, and after `#` the
   * service of a compose file or the number of a command line.
   */
  declaredBy: Path.default("auto"),
  /** Rebuilds a target on weak ground inside gVisor or a microVM: safe, and what it shows is that boundary and not the stack's own. */
  nest: z.boolean().default(false),
});

const Lab = z.strictObject({
  /** A machine that cannot boot this much does not run the researcher. */
  minimum: z.enum(LAB_MINIMUMS).default("gvisor"),
  /** Lets a lab weaker than `minimum` run; said in every report of such a run. */
  allowWeakIsolation: z.boolean().default(false),
  /** Lets E2B be the lab: the clone's workspace then leaves this machine. Said in every report of such a run. */
  allowE2b: z.boolean().default(false),
});

const Research = z
  .strictObject({
    mode: z.enum(RESEARCH_MODES).default("scripted"),
    model: z.string().min(1).max(200).optional(),
    /** The NAME of an environment variable. The key itself never stands in this file. */
    keyEnv: z
      .string()
      .regex(/^[A-Z_][A-Z0-9_]{0,99}$/, KEY_ENV_RULE)
      .optional(),
    baseUrl: z.string().max(2_000).refine(isSafeUrl, BASE_URL_RULE).optional(),
    tokensMax: z.int().min(1_000).max(50_000_000).default(300_000),
    /** Of one cycle, in `currency`. */
    moneyMax: z.number().positive().max(1_000_000).optional(),
    /** As in the price list that `prices` was copied from. */
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/, "a currency is three capitals, as in USD")
      .default("USD"),
    /** By the model's name. Nobody else knows what the vendor charges. */
    prices: z.record(z.string().min(1).max(200), ModelPrice).default({}),
    /** Types of tools that the vendor's servers would run, as the vendor writes them: `web_search_20250305`, `code_interpreter`. */
    hostedTools: z
      .array(z.string().regex(/^[a-z][a-z0-9_]{0,99}$/, HOSTED_TOOL_RULE))
      .max(20)
      .default([]),
  })
  .superRefine((research, context) => {
    if (research.mode === "scripted") return;
    const complain = (key: string, message: string) => context.addIssue({ code: "custom", path: [key], message });
    if (research.model === undefined) complain("model", `mode ${research.mode} needs a model`);
    if (research.moneyMax === undefined) return;
    if (research.model !== undefined && !Object.hasOwn(research.prices, research.model)) {
      complain("moneyMax", `no money budget can be held without the price of ${research.model} in prices`);
    }
    if (research.hostedTools.length > 0) {
      complain("moneyMax", "no money budget can be held with hostedTools: what they cost is not known before a call");
    }
  });

/** The tool plane: the agents' own command lines, driven in the rebuilt sandbox by a model that is a script. */
const Probe = z.strictObject({
  /** Off, no command line of an agent is run. */
  tools: z.boolean().default(true),
  /** Each a `node_modules` that holds them, besides where npm installs for a person and for the machine. */
  agentDirectories: z.array(Path).max(20).default([]),
});

const Schedule = z.strictObject({
  /** Minute, hour, day of month, month, day of week. */
  cron: z
    .string()
    .max(200)
    .refine(
      (text) => text.trim().split(/\s+/).length === 5 && isCron(text),
      "five cron fields: minute, hour, day of month, month, day of week",
    )
    .default("0 6 * * 1"),
  timeZone: z.string().max(100).refine(isTimeZone, "a time zone as in Europe/Berlin or UTC").default("UTC"),
  /** What to do about runs missed while nothing was running. */
  catchUp: z.enum(["one", "none"]).default("one"),
});

/** The outside service E2B: used only where `target.driver: e2b` or `lab.allowE2b` asks for it. */
const E2b = z.strictObject({
  keyEnv: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]{0,99}$/, KEY_ENV_RULE)
    .default("E2B_API_KEY"),
  /** Of the account; see sandboxes/e2b for what it may bring along. */
  template: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_./:-]{0,199}$/, "a template is E2B's id or name of one")
    .default("base"),
  /** Of a cluster of one's own; E2B's by default. */
  apiUrl: z.string().max(2_000).refine(isSafeUrl, URL_RULE).optional(),
  /** One address for all its sandboxes; each has its own by default. */
  sandboxUrl: z.string().max(2_000).refine(isSafeUrl, URL_RULE).optional(),
});

const Limits = z.strictObject({
  memoryMiB: z.int().min(128).max(65_536).default(512),
  cpus: z.number().min(0.1).max(64).default(1),
  pids: z.int().min(16).max(32_768).default(128),
  /** A larger file of the stack is not copied into the clone and not read. */
  fileMiBMax: z.int().min(1).max(1_024).default(8),
});

export const ConfigFile = z.strictObject({
  version: z.literal(1),
  stack: Stack,
  target: Target.prefault({}),
  lab: Lab.prefault({}),
  probe: Probe.prefault({}),
  research: Research.prefault({}),
  /** What the team says the sandbox may reach; `intended.yaml` beside this file when left out. */
  intended: Path.optional(),
  findings: z.strictObject({ threshold: z.enum(THRESHOLDS).default("high") }).prefault({}),
  schedule: Schedule.prefault({}),
  docker: z
    .strictObject({
      socket: Path.optional(),
      /** One that the engine holds already; nothing is pulled. Without it an image of ours is imported. */
      image: z.string().min(1).max(300).optional(),
    })
    .prefault({}),
  qemu: z
    .strictObject({
      /** A directory that holds boot/vmlinuz-* and lib/modules/*, as a kernel's package unpacks. */
      kernel: Path.optional(),
    })
    .prefault({}),
  e2b: E2b.prefault({}),
  clamav: z
    .strictObject({
      /** clamd's Unix socket. Without one no file of a public source is read. */
      socket: Path.optional(),
    })
    .prefault({}),
  limits: Limits.prefault({}),
  watch: z
    .strictObject({
      /**
       * What a fake on its way out does, besides being refused and reported: sets the kill switch, or no more than that. Drills of
       * ours never set it.
       */
      onHit: z.enum(["latch", "alarm"]).default("latch"),
    })
    .prefault({}),
});
export type ConfigFile = z.infer<typeof ConfigFile>;

function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return false;
  if (url.protocol === "https:") return true;
  return url.protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
}

function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch (thrown) {
    if (thrown instanceof RangeError) return false;
    throw thrown;
  }
}

import type { Check, Row } from "../probe.ts";
import { absent, named, reachable } from "../row.ts";

/** Variables by which Git runs a program or takes settings that name one, git(1). */
const NAMES = [
  "GIT_CONFIG_COUNT",
  "GIT_CONFIG_GLOBAL",
  "GIT_CONFIG_PARAMETERS",
  "GIT_CONFIG_SYSTEM",
  "GIT_EDITOR",
  "GIT_EXEC_PATH",
  "GIT_EXTERNAL_DIFF",
  "GIT_PAGER",
  "GIT_PROXY_COMMAND",
  "GIT_SEQUENCE_EDITOR",
  "GIT_SSH",
  "GIT_SSH_COMMAND",
  "GIT_TEMPLATE_DIR",
] as const;
/** Programs that do nothing with what they are given; tools set these to keep Git from asking. */
const HARMLESS = /^(true|false|cat|:|\/bin\/(true|false|cat)|\/usr\/bin\/(true|false|cat))$/;

export const gitEnvironment: Check = {
  id: "git-environment",
  category: "memory",
  why: "Git runs what these name, in every repository and past whatever its settings files say.",
  misses: "Git's settings files, which are git-settings' and git-program's. No value is repeated.",
  source: "git(1), environment variables; git-config(1)",
  async run({ environment }) {
    const rows = NAMES.map((name): Row => {
      const id = `git-environment:${named(name)}`;
      const value = environment[name] ?? "";
      if (value === "" || (name === "GIT_CONFIG_COUNT" && value === "0")) return absent(id, name, "not set");
      if (HARMLESS.test(value)) return absent(id, name, "set to a program that does nothing");
      return reachable(id, name, ["configure"], `set, ${value.length} characters`, `env:${name}`);
    });
    return { rows };
  },
};
